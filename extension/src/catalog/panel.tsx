import * as React from 'react';

import { Commands } from '../commands';
import type { Governed } from '../governed';
import { catalogIcon } from '../icons';
import {
  Button,
  ClassTag,
  Digest,
  Panel,
  Tag,
  useChanges,
  useGoverned
} from '../parts';
import { useAnswer } from '../parts/asking';
import { VersionLink } from '../parts/opening';
import { Answered, Page, Stage, titled } from '../parts/page';
import { ChoiceField } from '../parts/fields';
import { Table } from '../parts/table';
import { insertCell } from '../notebook';
import type { IVersion } from '../records';
import { bytes, learning, moment } from '../words';
import { Retention } from './list';
import { loading, nameOf } from './versions';
import { label } from '../labels';

/** One version of a dataset or base model: what it is, and what it may be used for. */
export function versionPanel(governed: Governed, name: string): Panel {
  return titled(governed, <VersionView name={name} />, {
    id: `governed-version-${name}`,
    icon: catalogIcon,
    label: name
  });
}

function VersionView(props: { name: string }): React.ReactElement {
  const { trans, client, place, app } = useGoverned();
  const changes = useChanges();
  const answer = useAnswer(
    () =>
      client.get<IVersion>('catalog/version', {
        path: place,
        name: props.name
      }),
    [place, props.name, changes]
  );
  const open = (command: string, args: Record<string, string>): void =>
    void app.commands.execute(command, args);
  return (
    <Page
      title={props.name}
      header={
        <>
          <Button
            onClick={() => open(Commands.lineage, { target: props.name })}
          >
            {trans.__('Lineage')}
          </Button>
          <Button onClick={() => open(Commands.audit, { name: props.name })}>
            {trans.__('What came of it')}
          </Button>
        </>
      }
    >
      <Answered answer={answer}>
        {found => (
          <>
            <Facts found={found} />
            <Use found={found} />
            <Files found={found} />
          </>
        )}
      </Answered>
    </Page>
  );
}

function Facts(props: { found: IVersion }): React.ReactElement {
  const { trans } = useGoverned();
  const { found } = props;
  const said: [string, React.ReactNode][] = [
    [trans.__('Class'), <ClassTag key="class" name={found.data_class} />],
    [
      trans.__('State'),
      <Tag key="state" tone={found.state === 'approved' ? 'good' : 'attention'}>
        {label(found.state, trans)}
      </Tag>
    ],
    [trans.__('Owner'), found.owner],
    [trans.__('Legal basis'), found.legal_basis],
    [
      trans.__('Keep until'),
      <Retention
        key="until"
        until={found.retention_until}
        isOver={found.retention_over}
      />
    ],
    [trans.__('Licence'), found.licence],
    [trans.__('Origin'), found.origin],
    [trans.__('Intended use'), found.intended_use],
    [trans.__('Its training data'), found.training_data],
    [trans.__('Why it is adapted'), found.adaptation],
    [trans.__('What is odd about it'), found.odd.join('; ')],
    [trans.__('Never to be learnt from'), found.never_learn.join(', ')],
    [
      trans.__('Opened for learning'),
      found.may_learn.map(said => learning(said, trans)).join('; ')
    ],
    [
      trans.__('Registered'),
      trans.__('%1 by %2', moment(found.occurred_at), found.person)
    ],
    [trans.__('Size'), bytes(found.bytes)],
    [trans.__('Rows'), found.rows >= 0 ? found.rows : ''],
    [trans.__('SHA-256'), <Digest key="digest" value={found.sha256} whole />]
  ];
  const sources = [found.derived_from, ...found.made_from].filter(Boolean);
  const others = found.versions.filter(other => other !== found.version);
  return (
    <dl className="gn-Facts">
      {said
        .filter(([, value]) => value !== '')
        .map(([name, value]) => (
          <React.Fragment key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </React.Fragment>
        ))}
      {sources.length > 0 && <dt>{trans.__('Made from')}</dt>}
      {sources.length > 0 && <Names names={sources} />}
      {others.length > 0 && <dt>{trans.__('Other versions')}</dt>}
      {others.length > 0 && (
        <Names names={others.map(other => `${found.dataset}@${other}`)} />
      )}
    </dl>
  );
}

function Names(props: { names: string[] }): React.ReactElement {
  return (
    <dd>
      {props.names.map(name => (
        <React.Fragment key={name}>
          <VersionLink name={name} />{' '}
        </React.Fragment>
      ))}
    </dd>
  );
}

/** What a notebook may use it for now, and the line that does it. */
function Use(props: { found: IVersion }): React.ReactElement {
  const governed = useGoverned();
  const { trans, notebooks, app } = governed;
  const { found } = props;
  const allowed = Object.entries(found.research)
    .filter(([, answer]) => answer === 'allowed')
    .map(([purpose]) => purpose);
  const [chosen, setChosen] = React.useState('');
  const purpose = chosen || allowed[0] || '';
  const panel = notebooks.currentWidget;
  const reason =
    (!allowed.length && trans.__('A notebook may not read it now')) ||
    (!panel && trans.__('Open a notebook first')) ||
    (panel?.content.model?.readOnly &&
      trans.__('The notebook in front is read-only')) ||
    '';
  return (
    <Stage title={trans.__('In a notebook')}>
      <ul className="gn-List">
        {Object.entries(found.research).map(([name, answer]) => (
          <li key={name}>
            <Tag tone={answer === 'allowed' ? 'good' : 'bad'}>
              {label(name, trans)}
            </Tag>{' '}
            {label(answer, trans)}
          </li>
        ))}
      </ul>
      {allowed.length > 0 && (
        <>
          <pre
            className="gn-Code"
            tabIndex={0}
            aria-label={trans.__('Python that loads %1', nameOf(found))}
          >
            {loading(found, purpose)}
          </pre>
          {found.kind === 'data' && (
            <div className="gn-Form">
              <ChoiceField
                label={trans.__('Purpose')}
                value={purpose}
                choices={allowed.map((name): [string, string] => [
                  name,
                  label(name, trans)
                ])}
                onChange={setChosen}
              />
            </div>
          )}
        </>
      )}
      <Button
        kind={reason ? 'plain' : 'accept'}
        disabledBecause={reason}
        onClick={() => panel && insertCell(app, panel, loading(found, purpose))}
      >
        {panel
          ? trans.__('Insert into %1', panel.title.label)
          : trans.__('Insert into the notebook')}
      </Button>
    </Stage>
  );
}

function Files(props: { found: IVersion }): React.ReactElement {
  const { trans } = useGoverned();
  return (
    <Stage title={trans.__('Files')}>
      <Table
        label={trans.__('Files')}
        rows={props.found.files}
        keyOf={file => file.path}
        columns={[
          { title: trans.__('File'), cell: file => file.path, isHead: true },
          {
            title: trans.__('Size'),
            cell: file => bytes(file.bytes),
            isNumber: true
          },
          {
            title: trans.__('SHA-256'),
            cell: file => <Digest value={file.sha256} />
          }
        ]}
      />
    </Stage>
  );
}
