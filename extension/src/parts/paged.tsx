/** Lists that the server gives by page, searched and counted where they lie. */

import * as React from 'react';

import type { IPage } from '../records';
import { type IAnswer, useAnswer } from './asking';
import { ChoiceField, TextField } from './fields';
import { useChanges, useGoverned } from './index';
import { Answered } from './page';
import { Pager } from './pager';

const LIMIT = 100;
const PAUSE_MS = 200;

/** A list of which one page is shown. */
export interface IPaged<T> {
  answer: IAnswer<T>;
  search: string;
  setSearch: (search: string) => void;
  offset: number;
  setOffset: (offset: number) => void;
  limit: number;
}

/** Ask for a page of a list; another question begins at its first page. */
export function usePaged<T>(
  route: string,
  query: Record<string, string> = {},
  limit = LIMIT
): IPaged<T> {
  const { client, place } = useGoverned();
  const changes = useChanges();
  const [search, setSearch] = React.useState('');
  const asked = useSettled(search);
  const question = JSON.stringify([place, asked, query]);
  const [at, setAt] = React.useState({ question, offset: 0 });
  const offset = at.question === question ? at.offset : 0;
  const answer = useAnswer(
    () =>
      client.get<T>(route, {
        ...query,
        path: place,
        search: asked,
        offset,
        limit
      }),
    [question, offset, changes]
  );
  return {
    answer,
    search,
    setSearch,
    offset,
    limit,
    setOffset: to => setAt({ question, offset: to })
  };
}

/** A text once nobody has typed for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = React.useState(text);
  React.useEffect(() => {
    const timer = window.setTimeout(() => setSettled(text), PAUSE_MS);
    return () => window.clearTimeout(timer);
  }, [text]);
  return settled;
}

/** The field that searches a list. */
export function SearchField(props: {
  paged: IPaged<unknown>;
  hint?: string;
}): React.ReactElement {
  const { trans } = useGoverned();
  return (
    <TextField
      label={trans.__('Search')}
      hint={props.hint}
      value={props.paged.search}
      onChange={props.paged.setSearch}
    />
  );
}

/** A page of a list, once it is there, with the way to the others. */
export function Paged<T extends { total: number }>(props: {
  paged: IPaged<T>;
  busy?: string;
  children: (page: T) => React.ReactNode;
}): React.ReactElement {
  const { answer, offset, limit, setOffset } = props.paged;
  return (
    <Answered answer={answer} busy={props.busy}>
      {page => (
        <>
          {props.children(page)}
          <Pager
            offset={offset}
            limit={limit}
            total={page.total}
            onMove={setOffset}
          />
        </>
      )}
    </Answered>
  );
}

/** One of a list; where it is longer than a page, it is searched first. */
export function PagedChoice<Row>(props: {
  label: string;
  paged: IPaged<IPage<Row>>;
  page: IPage<Row>;
  value: string;
  choice: (row: Row) => [string, string];
  onChange: (value: string) => void;
  none?: string;
}): React.ReactElement {
  const { paged, page } = props;
  const choices = page.rows.map(props.choice);
  if (props.none !== undefined) {
    choices.unshift(['', props.none]);
  }
  if (props.value && !choices.some(([value]) => value === props.value)) {
    choices.push([props.value, props.value]);
  }
  return (
    <>
      {(paged.search || page.total > page.rows.length) && (
        <SearchField paged={paged} />
      )}
      <ChoiceField
        label={props.label}
        value={props.value}
        choices={choices}
        onChange={props.onChange}
      />
    </>
  );
}
