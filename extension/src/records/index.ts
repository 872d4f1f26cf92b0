/** What the routes answer with, one file a part of the interface. */

export type * from './workspace';
export type * from './session';
export type * from './promotion';
export type * from './releases';
export type * from './runs';
export type * from './validation';
export type * from './audit';
export type * from './catalog';
