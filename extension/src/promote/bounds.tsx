import * as React from 'react';

import { Button, Problem, useGoverned } from '../parts';
import { useWork } from '../parts/asking';
import { TextField } from '../parts/fields';
import { Parameters } from '../parts/parameters';
import type { IFix, IParameter } from '../records';
import { Returning } from '../parts/returning';

/** What a person says a parameter may be; the kernel's package turns it into a comment. */
interface IBounds {
  minimum: string;
  maximum: string;
  choices: string[];
  description: string;
}

/** The parameters that an approval will cover, and the form that bounds them in the notebook. */
export function BoundsStage(props: {
  path: string;
  parameters: IParameter[];
  isBusy: boolean;
  /** Apply a change to the notebook, then check it again. */
  apply: (fix: IFix) => void;
}): React.ReactElement {
  const { trans } = useGoverned();
  const [isOpen, setOpen] = React.useState(false);
  const { parameters } = props;
  return (
    <section className="gn-Stage" aria-label={trans.__('Parameters')}>
      <h2>{trans.__('Parameters')}</h2>
      <p>
        {trans.__(
          'An approval covers these names, types and bounds, and no others.'
        )}
      </p>
      <Parameters parameters={parameters} />
      {parameters.length > 0 && (
        <div className="gn-Actions">
          <Button onClick={() => setOpen(!isOpen)}>
            {trans.__('Change bounds…')}
          </Button>
        </div>
      )}
      {isOpen && (
        <Returning>
          <BoundsForm
            key={JSON.stringify(parameters)}
            {...props}
            apply={fix => {
              setOpen(false);
              props.apply(fix);
            }}
          />
        </Returning>
      )}
    </section>
  );
}

function BoundsForm(props: {
  path: string;
  parameters: IParameter[];
  isBusy: boolean;
  apply: (fix: IFix) => void;
}): React.ReactElement {
  const { trans, client } = useGoverned();
  const [said, setSaid] = React.useState<Record<string, IBounds>>(() =>
    Object.fromEntries(props.parameters.map(item => [item.name, asIs(item)]))
  );
  const work = useWork();
  const write = (): void =>
    work.start(async () =>
      props.apply(
        await client.post<IFix>('checks/bounds', {
          path: props.path,
          bounds: said
        })
      )
    );
  return (
    <form
      className="gn-Form"
      aria-label={trans.__('Bounds')}
      onSubmit={event => {
        event.preventDefault();
        write();
      }}
    >
      {props.parameters.map(item => (
        <ParameterBounds
          key={item.name}
          parameter={item}
          said={said[item.name]}
          onChange={bounds => setSaid({ ...said, [item.name]: bounds })}
        />
      ))}
      {work.problem && <Problem problem={work.problem} />}
      <div className="gn-Form-end">
        <Button
          type="submit"
          onClick={write}
          disabledBecause={
            props.isBusy || work.isBusy ? trans.__('A check is running') : ''
          }
        >
          {trans.__('Write them into the notebook')}
        </Button>
      </div>
    </form>
  );
}

function ParameterBounds(props: {
  parameter: IParameter;
  said: IBounds;
  onChange: (said: IBounds) => void;
}): React.ReactElement {
  const { trans } = useGoverned();
  const { parameter, said, onChange } = props;
  const isNumber = parameter.type === 'int' || parameter.type === 'float';
  return (
    <fieldset className="gn-Field">
      <legend>
        <code>{`${parameter.name}: ${parameter.type} = ${String(parameter.default)}`}</code>
      </legend>
      {isNumber && (
        <>
          <TextField
            label={trans.__('Smallest %1', parameter.name)}
            value={said.minimum}
            onChange={minimum => onChange({ ...said, minimum })}
          />
          <TextField
            label={trans.__('Largest %1', parameter.name)}
            value={said.maximum}
            onChange={maximum => onChange({ ...said, maximum })}
          />
        </>
      )}
      {parameter.type === 'str' && (
        <TextField
          label={trans.__('Choices of %1', parameter.name)}
          hint={trans.__('Divided by commas')}
          value={said.choices.join(', ')}
          onChange={text =>
            onChange({ ...said, choices: text ? text.split(/, ?/) : [] })
          }
        />
      )}
      <TextField
        label={trans.__('Meaning of %1', parameter.name)}
        value={said.description}
        onChange={description => onChange({ ...said, description })}
      />
    </fieldset>
  );
}

function asIs(item: IParameter): IBounds {
  return {
    minimum: item.minimum === null ? '' : String(item.minimum),
    maximum: item.maximum === null ? '' : String(item.maximum),
    choices: item.choices,
    description: item.description
  };
}
