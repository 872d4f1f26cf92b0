import * as React from 'react';

import type { Governed } from '../governed';
import { releasesIcon } from '../icons';
import { Empty, Panel, Tag, useGoverned } from '../parts';
import { ReleaseLink } from '../parts/opening';
import { Page, titled } from '../parts/page';
import { ChoiceField } from '../parts/fields';
import { PersonField, useStatus } from '../parts/signing';
import { Table } from '../parts/table';
import { Paged, SearchField, usePaged } from '../parts/paged';
import { label } from '../labels';
import type { IPage, IReleaseSummary } from '../records';
import { moment } from '../words';
import { StateTag } from '../parts/state';

/** Every release of the workspace; what waits for the person comes first. */
export function releasesPanel(governed: Governed): Panel {
  return titled(governed, <ReleasesView />, {
    id: 'governed-releases',
    icon: releasesIcon,
    label: governed.trans.__('Releases')
  });
}

const WAITING = 'mine';

function ReleasesView(): React.ReactElement {
  const { trans, person } = useGoverned();
  const status = useStatus();
  const [filter, setFilter] = React.useState('');
  const paged = usePaged<IPage<IReleaseSummary>>('releases', {
    person,
    state: filter
  });
  const counts = paged.answer.value?.counts ?? {};
  const states = Object.keys(counts).filter(state => state !== WAITING);
  const counted = (word: string, count: number | undefined): string =>
    count === undefined ? word : trans.__('%1 (%2)', word, count);
  return (
    <Page
      title={trans.__('Releases')}
      header={
        <>
          <PersonField status={status} />
          <SearchField paged={paged} />
          <ChoiceField
            label={trans.__('Show')}
            value={filter}
            choices={[
              ['', counted(trans.__('all'), paged.answer.value?.all)],
              [
                WAITING,
                counted(trans.__('waiting for my review'), counts[WAITING])
              ],
              ...states
                .sort()
                .map((state): [string, string] => [
                  state,
                  counted(label(state, trans), counts[state])
                ])
            ]}
            onChange={setFilter}
          />
        </>
      }
    >
      <Paged paged={paged}>
        {page =>
          page.all ? (
            <List rows={page.rows} />
          ) : (
            <Empty title={trans.__('No release yet')}>
              <p>{trans.__('Open a research notebook and press “Promote”.')}</p>
            </Empty>
          )
        }
      </Paged>
    </Page>
  );
}

function List(props: { rows: IReleaseSummary[] }): React.ReactElement {
  const { trans } = useGoverned();
  return (
    <Table
      none={trans.__('None is like this.')}
      label={trans.__('Releases')}
      rows={props.rows}
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
              <StateTag state={row.state} />{' '}
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
        {
          title: trans.__('Live'),
          cell: row =>
            row.live.map(({ environment, slot, bundle }) => (
              <div key={`${environment}/${slot}`}>
                {environment}/{slot}
                {bundle !== row.bundle && (
                  <small className="gn-Beside">{bundle}</small>
                )}
              </div>
            ))
        },
        {
          title: trans.__('Changed'),
          cell: row => moment(row.changed_at),
          isTime: true
        }
      ]}
    />
  );
}
