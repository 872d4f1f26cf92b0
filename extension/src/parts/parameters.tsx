import * as React from 'react';

import type { IParameter } from '../records';
import { ChoiceField, InputField } from './fields';
import { useGoverned } from './index';
import { Table } from './table';

/** The parameters of a release: names, types, bounds. */
export function Parameters(props: {
  parameters: IParameter[];
}): React.ReactElement {
  const { trans } = useGoverned();
  return (
    <Table
      none={trans.__('None.')}
      label={trans.__('Parameters')}
      rows={props.parameters}
      keyOf={item => item.name}
      columns={[
        {
          title: trans.__('Name'),
          cell: item => <code>{item.name}</code>,
          isHead: true
        },
        { title: trans.__('Type'), cell: item => item.type },
        {
          title: trans.__('Default'),
          cell: item => String(item.default),
          isNumber: true
        },
        { title: trans.__('Allowed'), cell: item => item.bounds },
        { title: trans.__('Meaning'), cell: item => item.description }
      ]}
    />
  );
}

/** A form with one field a parameter, of its type and within its bounds. */
export function ParameterForm(props: {
  parameters: IParameter[];
  values: Record<string, string>;
  onChange: (values: Record<string, string>) => void;
}): React.ReactElement {
  const set = (name: string, value: string): void =>
    props.onChange({ ...props.values, [name]: value });
  return (
    <>
      {props.parameters.map(item => (
        <ParameterField
          key={item.name}
          parameter={item}
          value={props.values[item.name] ?? String(item.default)}
          onChange={value => set(item.name, value)}
        />
      ))}
    </>
  );
}

function ParameterField(props: {
  parameter: IParameter;
  value: string;
  onChange: (value: string) => void;
}): React.ReactElement {
  const { parameter, value, onChange } = props;
  const choices =
    parameter.type === 'bool' ? ['true', 'false'] : parameter.choices;
  const isNumber = parameter.type === 'int' || parameter.type === 'float';
  const common = {
    label: <code>{parameter.name}</code>,
    hint: [parameter.bounds, parameter.description].filter(Boolean).join(' · '),
    value,
    onChange
  };
  return choices.length ? (
    <ChoiceField
      {...common}
      choices={choices.map((choice): [string, string] => [choice, choice])}
    />
  ) : (
    <InputField
      {...common}
      type={isNumber ? 'number' : 'text'}
      min={parameter.minimum ?? undefined}
      max={parameter.maximum ?? undefined}
      step={parameter.type === 'int' ? 1 : 'any'}
    />
  );
}
