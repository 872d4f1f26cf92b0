/** The fields that forms are made of, and what they hold. */

import * as React from 'react';

/** What the fields of a form hold, by name. */
export interface IForm<Name extends string> {
  said: Record<Name, string>;
  set: (more: Partial<Record<Name, string>>) => void;
  /** What a field of that name needs. */
  field: (name: Name) => { value: string; onChange: (value: string) => void };
}

/** A form that begins with these texts. */
export function useForm<Name extends string>(
  first: Record<Name, string>
): IForm<Name> {
  const [said, setSaid] = React.useState(first);
  const set = (more: Partial<Record<Name, string>>): void =>
    setSaid(known => ({ ...known, ...more }));
  return {
    said,
    set,
    field: name => ({
      value: said[name],
      onChange: value => set({ [name]: value } as Record<Name, string>)
    })
  };
}

interface IField {
  label: React.ReactNode;
  value: string;
  onChange: (value: string) => void;
  hint?: string;
}

/** One label with its control, and a hint below it. */
export function Labelled(props: {
  label: React.ReactNode;
  hint?: string;
  children: (id: string) => React.ReactNode;
}): React.ReactElement {
  const id = React.useId();
  return (
    <label className="gn-Field" htmlFor={id}>
      <span>{props.label}</span>
      {props.children(id)}
      {props.hint && <small>{props.hint}</small>}
    </label>
  );
}

/** One labelled text. */
export function TextField(
  props: IField & { isLong?: boolean }
): React.ReactElement {
  return props.isLong ? (
    <Labelled label={props.label} hint={props.hint}>
      {id => (
        <textarea
          id={id}
          rows={3}
          value={props.value}
          onChange={event => props.onChange(event.target.value)}
        />
      )}
    </Labelled>
  ) : (
    <InputField {...props} type="text" />
  );
}

/** One labelled day, chosen from a calendar or typed. */
export function DateField(props: IField): React.ReactElement {
  return <InputField {...props} type="date" />;
}

/** One labelled passphrase; it lives in its form alone. */
export function SecretField(props: IField): React.ReactElement {
  return <InputField {...props} type="password" autoComplete="off" />;
}

/** One labelled field of a browser's own type. */
export function InputField(
  props: IField &
    Pick<
      React.InputHTMLAttributes<HTMLInputElement>,
      'type' | 'autoComplete' | 'min' | 'max' | 'step'
    >
): React.ReactElement {
  const { label, hint, onChange, ...rest } = props;
  return (
    <Labelled label={label} hint={hint}>
      {id => (
        <input
          id={id}
          {...rest}
          onChange={event => onChange(event.target.value)}
        />
      )}
    </Labelled>
  );
}

/** One labelled choice. */
export function ChoiceField(
  props: IField & { choices: [string, string][]; isFixed?: boolean }
): React.ReactElement {
  return (
    <Labelled label={props.label} hint={props.hint}>
      {id => (
        <select
          id={id}
          value={props.value}
          disabled={props.isFixed}
          onChange={event => props.onChange(event.target.value)}
        >
          {props.choices.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      )}
    </Labelled>
  );
}
