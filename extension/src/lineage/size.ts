/** Size of a drawn node, in pixels at scale one. */
export const WIDTH = 190;
export const HEIGHT = 46;
