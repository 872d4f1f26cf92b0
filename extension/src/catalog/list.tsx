import * as React from 'react';

import type { Governed } from '../governed';
import { catalogIcon } from '../icons';
import { ClassTag, Panel, Tag, useGoverned } from '../parts';
import { VersionLink } from '../parts/opening';
import { Page, titled } from '../parts/page';
import { ChoiceField } from '../parts/fields';
import { Table } from '../parts/table';
import { Paged, SearchField, usePaged } from '../parts/paged';
import type { IPage, IVersionRow } from '../records';
import { bytes } from '../words';
import { NothingRegistered } from './nothing';
import { nameOf } from './versions';
import { label, labels } from '../labels';

/** Every dataset and base model, by version. */
export function catalogPanel(governed: Governed): Panel {
  return titled(governed, <CatalogView />, {
    id: 'governed-catalog',
    icon: catalogIcon,
    label: governed.trans.__('Catalog')
  });
}

function CatalogView(): React.ReactElement {
  const { trans } = useGoverned();
  const [dataClass, setClass] = React.useState('');
  const paged = usePaged<IPage<IVersionRow>>('catalog', {
    data_class: dataClass
  });
  const classes = Object.keys(paged.answer.value?.counts ?? {}).sort();
  return (
    <Page
      title={trans.__('Catalog')}
      header={
        <>
          <SearchField paged={paged} />
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
      <Paged paged={paged}>
        {page => (page.all ? <List rows={page.rows} /> : <NothingRegistered />)}
      </Paged>
    </Page>
  );
}

function List(props: { rows: IVersionRow[] }): React.ReactElement {
  const { trans } = useGoverned();
  return (
    <Table
      none={trans.__('Nothing is called so.')}
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
          cell: row => <ClassTag name={row.class} />
        },
        { title: trans.__('State'), cell: row => <State row={row} /> },
        { title: trans.__('For'), cell: row => labels(row.purposes, trans) },
        { title: trans.__('Owner'), cell: row => row.owner },
        {
          title: trans.__('Keep until'),
          cell: row => (
            <Retention
              until={row.retention_until}
              isOver={row.retention_over}
            />
          )
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
  const { trans } = useGoverned();
  const { state } = props.row;
  const tone =
    state === 'approved' ? 'good' : state === 'withdrawn' ? 'bad' : 'attention';
  return <Tag tone={tone}>{label(state, trans)}</Tag>;
}

/** The day by which it must be gone, marked when that day is over. */
export function Retention(props: {
  until: string;
  isOver: boolean;
}): React.ReactElement {
  const { trans } = useGoverned();
  return (
    <>
      {props.until || trans.__('no end')}{' '}
      {props.isOver && <Tag tone="bad">{trans.__('has passed')}</Tag>}
    </>
  );
}
