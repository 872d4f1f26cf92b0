import * as React from 'react';

import { Tag, useChanges, useGoverned } from '../parts';
import { useAnswer } from '../parts/asking';
import { LiveTable } from '../parts/live';
import { ReleaseLink, RunLink, VersionLink } from '../parts/opening';
import { Answered, Stage } from '../parts/page';
import { ChoiceField } from '../parts/fields';
import { Table } from '../parts/table';
import type { IImpact, IVersionRow } from '../records';
import { toneOf } from '../releases/states';

/** Everything that was made from a version of a dataset or base model. */
export function Impact(props: { name: string }): React.ReactElement {
  const { trans, client, place } = useGoverned();
  const changes = useChanges();
  const [name, setName] = React.useState(props.name);
  const versions = useAnswer(
    () => client.get<IVersionRow[]>('catalog', { path: place }),
    [place, changes]
  );
  const answer = useAnswer(
    async () =>
      name ? client.get<IImpact>('audit/impact', { path: place, name }) : null,
    [place, name, changes]
  );
  const known = (versions.value ?? []).map(
    row => `${row.dataset}@${row.version}`
  );
  return (
    <>
      <div className="gn-Form">
        <ChoiceField
          label={trans.__('What came of')}
          value={name}
          choices={[
            ['', trans.__('— choose —')],
            ...known.map((each): [string, string] => [each, each])
          ]}
          onChange={setName}
        />
      </div>
      <Answered answer={answer}>
        {found => found && <Downstream name={name} found={found} />}
      </Answered>
    </>
  );
}

function Downstream(props: {
  name: string;
  found: IImpact;
}): React.ReactElement {
  const { trans } = useGoverned();
  const { versions, releases, runs, bundles, deployments } = props.found;
  const made = Object.keys(versions).filter(each => each !== props.name);
  const counts: [string, number][] = [
    [trans.__('Versions'), made.length],
    [trans.__('Releases'), releases.length],
    [trans.__('Runs'), runs.length],
    [trans.__('Bundles'), bundles.length],
    [
      trans.__('Live now'),
      deployments.filter(item => item.live_to === null).length
    ]
  ];
  return (
    <>
      <div role="status">
        <dl className="gn-Counts">
          {counts.map(([title, count]) => (
            <div key={title}>
              <dt>{title}</dt>
              <dd>{count}</dd>
            </div>
          ))}
        </dl>
      </div>
      {made.length > 0 && (
        <Stage title={trans.__('Versions made from it')}>
          {made.map(each => (
            <React.Fragment key={each}>
              <VersionLink name={each} />{' '}
            </React.Fragment>
          ))}
        </Stage>
      )}
      {releases.length > 0 && (
        <Stage title={trans.__('Releases')}>
          <Table
            label={trans.__('Releases')}
            rows={releases}
            keyOf={row => row.release}
            columns={[
              {
                title: trans.__('Release'),
                cell: row => <ReleaseLink release={row.release} />
              },
              {
                title: trans.__('State'),
                cell: row => <Tag tone={toneOf(row.state)}>{row.state}</Tag>
              },
              { title: trans.__('Author'), cell: row => row.author },
              { title: trans.__('Reads'), cell: row => row.read.join(', ') }
            ]}
          />
        </Stage>
      )}
      {runs.length > 0 && (
        <Stage title={trans.__('Runs')}>
          <Table
            label={trans.__('Runs')}
            rows={runs}
            keyOf={row => row.run}
            columns={[
              {
                title: trans.__('Run'),
                cell: row => <RunLink run={row.run} />
              },
              { title: trans.__('Kind'), cell: row => row.kind },
              {
                title: trans.__('State'),
                cell: row => <Tag tone={toneOf(row.state)}>{row.state}</Tag>
              }
            ]}
          />
        </Stage>
      )}
      {deployments.length > 0 && (
        <Stage title={trans.__('Deployments')}>
          <LiveTable rows={deployments} />
        </Stage>
      )}
    </>
  );
}
