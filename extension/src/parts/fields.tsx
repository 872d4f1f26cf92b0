/** The fields that forms are made of. */

import * as React from 'react';

/** One labelled text field. */
export function TextField(props: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: string;
  isLong?: boolean;
}): React.ReactElement {
  const id = React.useId();
  const onChange = (
    event: React.ChangeEvent<HTMLInputElement | HTMLTextAreaElement>
  ): void => props.onChange(event.target.value);
  return (
    <label className="gn-Field" htmlFor={id}>
      <span>{props.label}</span>
      {props.isLong ? (
        <textarea id={id} rows={3} value={props.value} onChange={onChange} />
      ) : (
        <input id={id} type="text" value={props.value} onChange={onChange} />
      )}
      {props.hint && <small>{props.hint}</small>}
    </label>
  );
}

/** One labelled choice. */
export function ChoiceField(props: {
  label: string;
  value: string;
  choices: [string, string][];
  onChange: (value: string) => void;
}): React.ReactElement {
  const id = React.useId();
  return (
    <label className="gn-Field" htmlFor={id}>
      <span>{props.label}</span>
      <select
        id={id}
        value={props.value}
        onChange={event => props.onChange(event.target.value)}
      >
        {props.choices.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}

/** One labelled day, chosen from a calendar or typed. */
export function DateField(props: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: string;
}): React.ReactElement {
  const id = React.useId();
  return (
    <label className="gn-Field" htmlFor={id}>
      <span>{props.label}</span>
      <input
        id={id}
        type="date"
        value={props.value}
        onChange={event => props.onChange(event.target.value)}
      />
      {props.hint && <small>{props.hint}</small>}
    </label>
  );
}

/** One labelled passphrase; it lives in its form alone. */
export function SecretField(props: {
  label: string;
  value: string;
  onChange: (value: string) => void;
}): React.ReactElement {
  const id = React.useId();
  return (
    <label className="gn-Field" htmlFor={id}>
      <span>{props.label}</span>
      <input
        id={id}
        type="password"
        autoComplete="off"
        value={props.value}
        onChange={event => props.onChange(event.target.value)}
      />
    </label>
  );
}
