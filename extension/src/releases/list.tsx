import * as React from 'react';

import { Commands } from '../commands';
import type { Governed } from '../governed';
import { releasesIcon } from '../icons';
import {
  Busy,
  Button,
  Empty,
  Panel,
  Problem,
  Tag,
  useChanges,
  useGoverned
} from '../parts';
import { useAnswer } from '../parts/asking';
import { ChoiceField, PersonField, useStatus } from '../parts/signing';
import type { IReleaseSummary } from '../records';
import { moment } from '../words';
import { toneOf } from './states';

/** Every release of the workspace; what waits for the person comes first. */
export function releasesPanel(governed: Governed): Panel {
  const panel = new Panel(governed, <ReleasesView />);
  panel.id = 'governed-releases';
  panel.title.icon = releasesIcon;
  panel.title.label = governed.trans.__('Releases');
  panel.title.closable = true;
  return panel;
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
    <article className="gn-Page">
      <header className="gn-Page-header">
        <h1>{trans.__('Releases')}</h1>
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
      </header>
      {answer.problem && (
        <Problem problem={answer.problem} retry={answer.again} />
      )}
      {!answer.value && answer.isBusy && (
        <Busy>{trans.__('Reading the ledger…')}</Busy>
      )}
      {answer.value?.length === 0 && (
        <Empty title={trans.__('No release yet')}>
          <p>{trans.__('Open a research notebook and press “Promote”.')}</p>
        </Empty>
      )}
      {answer.value && answer.value.length > 0 && (
        <table className="gn-Table gn-mod-wide">
          <thead>
            <tr>
              <th scope="col">{trans.__('Release')}</th>
              <th scope="col">{trans.__('State')}</th>
              <th scope="col">{trans.__('Author')}</th>
              <th scope="col">{trans.__('Risk')}</th>
              <th scope="col">{trans.__('Approvals')}</th>
              <th scope="col">{trans.__('Changed')}</th>
            </tr>
          </thead>
          <tbody>
            {answer.value
              .filter(
                row =>
                  filter === 'all' ||
                  (filter === 'mine' ? row.waits_for_me : row.state === filter)
              )
              .sort(
                (a, b) => Number(!!b.waits_for_me) - Number(!!a.waits_for_me)
              )
              .map(row => (
                <tr key={row.release}>
                  <td>
                    <Button
                      kind="link"
                      onClick={() =>
                        void governed.app.commands.execute(Commands.release, {
                          release: row.release
                        })
                      }
                    >
                      {row.release}
                    </Button>
                  </td>
                  <td>
                    <Tag tone={toneOf(row.state)}>{row.state}</Tag>{' '}
                    {row.waits_for_me && (
                      <Tag tone="attention">
                        {trans.__('waiting for my review')}
                      </Tag>
                    )}
                  </td>
                  <td>{row.author}</td>
                  <td>{row.risk_class}</td>
                  <td className="gn-mod-number">{`${row.approvals}/${row.required}`}</td>
                  <td>{moment(row.changed_at)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      )}
    </article>
  );
}
