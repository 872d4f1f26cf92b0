import * as React from 'react';

/** One part of a page that is shown when its tab is chosen. */
export interface ITab {
  id: string;
  title: string;
  body: React.ReactElement;
}

/** Parts of a page, each asked for when it is first chosen; arrow keys move among the tabs. */
export function Tabs(props: {
  label: string;
  tabs: ITab[];
  first?: string;
}): React.ReactElement {
  const { tabs } = props;
  const own = React.useId();
  const [chosen, setChosen] = React.useState(props.first ?? tabs[0].id);
  const seen = React.useRef(new Set<string>());
  seen.current.add(chosen);
  const list = React.useRef<HTMLDivElement>(null);
  const move = (event: React.KeyboardEvent): void => {
    const at = tabs.findIndex(tab => tab.id === chosen);
    const step: Record<string, number> = {
      ArrowRight: (at + 1) % tabs.length,
      ArrowLeft: (at + tabs.length - 1) % tabs.length,
      Home: 0,
      End: tabs.length - 1
    };
    const next = step[event.key];
    if (next !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      setChosen(tabs[next].id);
      list.current?.querySelectorAll('button')[next].focus();
    }
  };
  return (
    <>
      <div
        ref={list}
        className="gn-Tabs"
        role="tablist"
        aria-label={props.label}
        onKeyDown={move}
      >
        {tabs.map(tab => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            id={`${own}${tab.id}-tab`}
            aria-selected={tab.id === chosen}
            aria-controls={`${own}${tab.id}`}
            tabIndex={tab.id === chosen ? 0 : -1}
            onClick={() => setChosen(tab.id)}
          >
            {tab.title}
          </button>
        ))}
      </div>
      {tabs.map(tab => (
        <div
          key={tab.id}
          id={`${own}${tab.id}`}
          role="tabpanel"
          aria-labelledby={`${own}${tab.id}-tab`}
          hidden={tab.id !== chosen}
        >
          {seen.current.has(tab.id) && tab.body}
        </div>
      ))}
    </>
  );
}
