/** A program for anywidget, as the kernel's package carries it. */
declare module '*/governed_kernel/widgets/lineage.js' {
  const program: {
    render: (options: {
      model: { get: (name: string) => unknown };
      el: HTMLElement;
      trans?: {
        __: (text: string, ...values: unknown[]) => string;
        label: (word: string) => string;
      };
    }) => void;
  };
  export default program;
}

declare module '*/governed_kernel/widgets/evaluation.js' {
  export { default } from '*/governed_kernel/widgets/lineage.js';
}
