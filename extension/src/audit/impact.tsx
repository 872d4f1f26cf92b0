import * as React from 'react';

import { ClassTag, Tag, useChanges, useGoverned } from '../parts';
import { useAnswer } from '../parts/asking';
import { LiveTable } from '../parts/live';
import { ReleaseLink, RunLink, VersionLink } from '../parts/opening';
import { Answered, Stage } from '../parts/page';
import { PagedChoice, usePaged } from '../parts/paged';
import { NothingRegistered } from '../catalog/nothing';
import { nameOf } from '../catalog/versions';
import { Table } from '../parts/table';
import type { IImpact, IPage, IVersionRow } from '../records';
import { StateTag } from '../parts/state';
import { label } from '../labels';

/** Everything that was made from a version of a dataset or base model. */
export function Impact(props: { name: string }): React.ReactElement {
  const { trans, client, place } = useGoverned();
  const changes = useChanges();
  const [name, setName] = React.useState(props.name);
  const versions = usePaged<IPage<IVersionRow>>('catalog');
  const answer = useAnswer(
    async () =>
      name ? client.get<IImpact>('audit/impact', { path: place, name }) : null,
    [place, name, changes]
  );
  return (
    <>
      <Answered answer={versions.answer}>
        {page =>
          page.all === 0 ? (
            <NothingRegistered />
          ) : (
            <div className="gn-Form">
              <PagedChoice
                label={trans.__('What came of')}
                paged={versions}
                page={page}
                value={name}
                none={trans.__('— choose —')}
                choice={row => [nameOf(row), nameOf(row)]}
                onChange={setName}
              />
            </div>
          )
        }
      </Answered>
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
  const { versions, files, releases, runs, bundles, deployments, unread } =
    props.found;
  const made = Object.keys(versions).filter(each => each !== props.name);
  const counts: [string, number][] = [
    [trans.__('Versions'), made.length],
    [trans.__('Files'), files.length],
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
      {unread.length > 0 && (
        <Stage title={trans.__('Could not be read')}>
          <p>
            {trans.__(
              'Whether these have to do with it nobody can tell. A release among them is taken to read it; restore what is missing from a backup.'
            )}
          </p>
          <ul className="gn-List">
            {unread.map(each => (
              <li key={each}>
                <Tag tone="attention">{trans.__('unread')}</Tag> {each}
              </li>
            ))}
          </ul>
        </Stage>
      )}
      {made.length > 0 && (
        <Stage title={trans.__('Versions made from it')}>
          {made.map(each => (
            <React.Fragment key={each}>
              <VersionLink name={each} />{' '}
            </React.Fragment>
          ))}
        </Stage>
      )}
      <Stage title={trans.__('Files that sessions made of it')}>
        <Table
          label={trans.__('Files')}
          rows={files}
          keyOf={row => row.path}
          none={trans.__(
            'No session is known to have made a file of it that still lies there.'
          )}
          columns={[
            {
              title: trans.__('File'),
              cell: row => <code>{row.path}</code>,
              isHead: true
            },
            {
              title: trans.__('Made from'),
              cell: row => row.made_from.join(', ')
            },
            {
              title: trans.__('Class'),
              cell: row => row.class && <ClassTag name={row.class} />
            },
            { title: trans.__('Session'), cell: row => row.session },
            {
              title: trans.__('Since then'),
              cell: row =>
                row.changed_since ? (
                  <Tag
                    tone="attention"
                    title={trans.__(
                      'What lies there now is not what the session wrote: look at it before you act'
                    )}
                  >
                    {trans.__('changed')}
                  </Tag>
                ) : (
                  trans.__('as it was written')
                )
            }
          ]}
        />
      </Stage>
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
                cell: row => <StateTag state={row.state} />
              },
              { title: trans.__('Author'), cell: row => row.author },
              {
                title: trans.__('Reads'),
                cell: row => row.read.join(', ') || trans.__('not known')
              }
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
              { title: trans.__('Kind'), cell: row => label(row.kind, trans) },
              {
                title: trans.__('State'),
                cell: row => <StateTag state={row.state} />
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
