import * as React from 'react';

/** What comes and goes in a page; when it goes, the focus returns to where it was before. */
export function Returning(props: {
  children: React.ReactNode;
}): React.ReactElement {
  const [before] = React.useState(document.activeElement);
  const box = React.useRef<HTMLDivElement>(null);
  React.useLayoutEffect(() => {
    const own = box.current;
    const page = own?.closest('.gn-Page, .gn-Lineage');
    return () => {
      if (!own?.contains(document.activeElement)) {
        return; // the person is elsewhere
      }
      window.requestAnimationFrame(() => {
        const there =
          before && before !== document.body && page?.contains(before)
            ? before
            : page?.querySelector('h1');
        (there as HTMLElement | null | undefined)?.focus();
      });
    };
  }, []);
  return <div ref={box}>{props.children}</div>;
}
