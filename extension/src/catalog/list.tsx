import * as React from 'react';

import type { Governed } from '../governed';
import { catalogIcon } from '../icons';
import { Empty, Panel, Tag, useChanges, useGoverned } from '../parts';
import { useAnswer } from '../parts/asking';
import { VersionLink } from '../parts/opening';
import { Answered, Page, titled } from '../parts/page';
import { ChoiceField, TextField } from '../parts/fields';
import { Table } from '../parts/table';
import type { IVersionRow } from '../records';
import { bytes } from '../words';
import { found, isPast, nameOf } from './versions';

/** Every dataset and base model, by version. */
export function catalogPanel(governed: Governed): Panel {
  return titled(governed, <CatalogView />, {
    id: 'governed-catalog',
    icon: catalogIcon,
    label: governed.trans.__('Catalog')
  });
}

function CatalogView(): React.ReactElement {
  const { trans, client, place } = useGoverned();
  const changes = useChanges();
  const [text, setText] = React.useState('');
  const [dataClass, setClass] = React.useState('');
  const answer = useAnswer(
    () => client.get<IVersionRow[]>('catalog', { path: place }),
    [place, changes]
  );
  const classes = [
    ...new Set((answer.value ?? []).map(row => row.class))
  ].sort();
  return (
    <Page
      title={trans.__('Catalog')}
      header={
        <>
          <TextField label={trans.__('Find')} value={text} onChange={setText} />
          <ChoiceField
            label={trans.__('Class')}
            value={dataClass}
            choices={[
              ['', trans.__('all')],
              ...classes.map((name): [string, string] => [name, name])
            ]}
            onChange={setClass}
          />
        </>
      }
    >
      <Answered answer={answer}>
        {known =>
          known.length ? (
            <List rows={found(known, text, dataClass)} />
          ) : (
            <Empty title={trans.__('Nothing is registered yet')}>
              <p>
                {trans.__(
                  'Choose a file in the file browser, and “Register in the catalog…” in its menu.'
                )}
              </p>
            </Empty>
          )
        }
      </Answered>
    </Page>
  );
}

function List(props: { rows: IVersionRow[] }): React.ReactElement {
  const { trans } = useGoverned();
  if (!props.rows.length) {
    return <p role="status">{trans.__('Nothing is called so.')}</p>;
  }
  return (
    <Table
      label={trans.__('Catalog')}
      rows={props.rows}
      keyOf={nameOf}
      columns={[
        {
          title: trans.__('Version'),
          cell: row => (
            <>
              <VersionLink name={nameOf(row)} />{' '}
              {row.kind === 'model' && <Tag>{trans.__('base model')}</Tag>}
            </>
          )
        },
        {
          title: trans.__('Class'),
          cell: row => <Tag tone="brand">{row.class}</Tag>
        },
        { title: trans.__('State'), cell: row => <State row={row} /> },
        { title: trans.__('For'), cell: row => row.purposes.join(', ') },
        { title: trans.__('Owner'), cell: row => row.owner },
        {
          title: trans.__('Keep until'),
          cell: row => <Retention until={row.retention_until} />
        },
        {
          title: trans.__('Rows'),
          cell: row => (row.rows >= 0 ? row.rows : ''),
          isNumber: true
        },
        {
          title: trans.__('Size'),
          cell: row => bytes(row.bytes),
          isNumber: true
        }
      ]}
    />
  );
}

function State(props: { row: IVersionRow }): React.ReactElement {
  const { state } = props.row;
  const tone =
    state === 'approved' ? 'good' : state === 'withdrawn' ? 'bad' : 'attention';
  return <Tag tone={tone}>{state}</Tag>;
}

/** The day by which it must be gone, marked when that day is over. */
export function Retention(props: { until: string }): React.ReactElement {
  const { trans } = useGoverned();
  return (
    <>
      {props.until || trans.__('no end')}{' '}
      {isPast(props.until, new Date()) && (
        <Tag tone="bad">{trans.__('over')}</Tag>
      )}
    </>
  );
}
