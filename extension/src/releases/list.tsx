import * as React from 'react';

import type { Governed } from '../governed';
import { releasesIcon } from '../icons';
import { Empty, Panel, Tag, useChanges, useGoverned } from '../parts';
import { useAnswer } from '../parts/asking';
import { ReleaseLink } from '../parts/opening';
import { Answered, Page, titled } from '../parts/page';
import { ChoiceField } from '../parts/fields';
import { PersonField, useStatus } from '../parts/signing';
import { Table } from '../parts/table';
import type { IReleaseSummary } from '../records';
import { moment } from '../words';
import { toneOf } from './states';

/** Every release of the workspace; what waits for the person comes first. */
export function releasesPanel(governed: Governed): Panel {
  return titled(governed, <ReleasesView />, {
    id: 'governed-releases',
    icon: releasesIcon,
    label: governed.trans.__('Releases')
  });
}

function ReleasesView(): React.ReactElement {
  const governed = useGoverned();
  const { trans, client, place, person } = governed;
  const changes = useChanges();
  const status = useStatus();
  const [filter, setFilter] = React.useState('all');
  const answer = useAnswer(
    () => client.get<IReleaseSummary[]>('releases', { path: place, person }),
    [place, person, changes]
  );
  const states = [
    ...new Set((answer.value ?? []).map(row => row.state))
  ].sort();
  return (
    <Page
      title={trans.__('Releases')}
      header={
        <>
          <PersonField status={status} />
          <ChoiceField
            label={trans.__('Show')}
            value={filter}
            choices={[
              ['all', trans.__('all')],
              ['mine', trans.__('waiting for my review')],
              ...states.map((state): [string, string] => [state, state])
            ]}
            onChange={setFilter}
          />
        </>
      }
    >
      <Answered answer={answer}>
        {found =>
          found.length ? (
            <List rows={found.filter(row => isShown(row, filter))} />
          ) : (
            <Empty title={trans.__('No release yet')}>
              <p>{trans.__('Open a research notebook and press “Promote”.')}</p>
            </Empty>
          )
        }
      </Answered>
    </Page>
  );
}

function isShown(row: IReleaseSummary, filter: string): boolean {
  return (
    filter === 'all' ||
    (filter === 'mine' ? !!row.waits_for_me : row.state === filter)
  );
}

function List(props: { rows: IReleaseSummary[] }): React.ReactElement {
  const { trans } = useGoverned();
  if (!props.rows.length) {
    return <p>{trans.__('None.')}</p>;
  }
  return (
    <Table
      label={trans.__('Releases')}
      rows={[...props.rows].sort(
        (a, b) => Number(!!b.waits_for_me) - Number(!!a.waits_for_me)
      )}
      keyOf={row => row.release}
      columns={[
        {
          title: trans.__('Release'),
          cell: row => <ReleaseLink release={row.release} />
        },
        {
          title: trans.__('State'),
          cell: row => (
            <>
              <Tag tone={toneOf(row.state)}>{row.state}</Tag>{' '}
              {row.waits_for_me && (
                <Tag tone="attention">{trans.__('waiting for my review')}</Tag>
              )}
            </>
          )
        },
        { title: trans.__('Author'), cell: row => row.author },
        { title: trans.__('Risk'), cell: row => row.risk_class },
        {
          title: trans.__('Approvals'),
          cell: row => `${row.approvals}/${row.required}`,
          isNumber: true
        },
        { title: trans.__('Changed'), cell: row => moment(row.changed_at) }
      ]}
    />
  );
}
