import * as React from 'react';

import { Busy, Button, Empty, Problem, Tag, useGoverned } from '../parts';
import { useWork } from '../parts/asking';
import { Answered } from '../parts/page';
import { saved } from '../parts/saving';
import { PagedChoice, usePaged } from '../parts/paged';
import type { IPage, IReleaseSummary, IReport } from '../records';
import { label } from '../labels';

/** The report on a release: pages for risk managers, for engineers, and by Annex IV. */
export function Report(): React.ReactElement {
  const { trans, client, place } = useGoverned();
  const [chosen, setChosen] = React.useState('');
  const [made, setMade] = React.useState<IReport | null>(null);
  const work = useWork();
  const releases = usePaged<IPage<IReleaseSummary>>('releases');
  return (
    <Answered answer={releases.answer}>
      {page => {
        if (!page.all) {
          return (
            <Empty title={trans.__('No release to report on')}>
              <p>{trans.__('Open a research notebook and press “Promote”.')}</p>
            </Empty>
          );
        }
        const release = chosen || (page.rows[0]?.release ?? '');
        return (
          <div className="gn-Form">
            <PagedChoice
              label={trans.__('Release')}
              paged={releases}
              page={page}
              value={release}
              choice={row => [
                row.release,
                `${row.release} (${label(row.state, trans)})`
              ]}
              onChange={name => {
                setChosen(name);
                setMade(null);
              }}
            />
            <Button
              kind="accept"
              disabledBecause={
                work.isBusy ? trans.__('It is being written') : ''
              }
              onClick={() =>
                work.start(async onStep => {
                  const body = { path: place, release };
                  setMade(
                    await client.job<IReport>('audit/report', body, onStep)
                  );
                })
              }
            >
              {trans.__('Write the report')}
            </Button>
            {work.isBusy && <Busy>{work.step || trans.__('One moment…')}</Busy>}
            {work.problem && <Problem problem={work.problem} />}
            {made && <Pages made={made} />}
          </div>
        );
      }}
    </Answered>
  );
}

function Pages(props: { made: IReport }): React.ReactElement {
  const { trans } = useGoverned();
  const { release, open, pages } = props.made;
  return (
    <section aria-label={trans.__('Report on %1', release)}>
      <h3>{trans.__('Open points')}</h3>
      {open.length === 0 && <p>{trans.__('None.')}</p>}
      <ul className="gn-List">
        {open.map(item => (
          <li key={item}>
            <Tag tone="attention">{trans.__('open')}</Tag> {item}
          </li>
        ))}
      </ul>
      <h3>{trans.__('Pages')}</h3>
      <div className="gn-Actions">
        {Object.entries(pages).map(([name, text]) => (
          <Button
            key={name}
            onClick={() =>
              saved(
                new Blob([text], { type: 'text/html' }),
                `${release.replace('@', '-')}-${name}`
              )
            }
          >
            {trans.__('Download %1', name)}
          </Button>
        ))}
      </div>
    </section>
  );
}
