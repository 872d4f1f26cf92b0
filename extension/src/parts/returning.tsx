import * as React from 'react';

/**
 * What comes and goes in a page; when it goes, the focus returns to where it was before.
 *
 * Or to the section that it stood in: where a list gets shorter, who goes through it goes on there.
 */
export function Returning(props: {
  children: React.ReactNode;
  isToSection?: boolean;
}): React.ReactElement {
  const [before] = React.useState(document.activeElement);
  const box = React.useRef<HTMLDivElement>(null);
  React.useLayoutEffect(() => {
    const own = box.current;
    const page = own?.closest('.gn-Page, .gn-Lineage');
    const section = props.isToSection && own?.closest('section');
    return () => {
      if (!own?.contains(document.activeElement)) {
        return; // the person is elsewhere
      }
      window.requestAnimationFrame(() => {
        const ways = [
          section,
          before !== document.body && before,
          page?.querySelector('h1, .gn-Lineage-filters input')
        ];
        const there = ways.find(way => way && page?.contains(way));
        (there as HTMLElement | undefined)?.focus();
      });
    };
  }, []);
  return (
    <div ref={box} className="gn-Returning">
      {props.children}
    </div>
  );
}
