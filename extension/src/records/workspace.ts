/** The workspace and its people. */

export interface IPerson {
  name: string;
  printed_name: string;
  roles: string[];
  can_sign_here: boolean;
}

export interface IDataClass {
  description: string;
  purposes: string[];
}

export interface IWorkspace {
  name: string;
  root: string;
  path: string;
  classes: Record<string, IDataClass>;
  environments: string[];
  governed: boolean;
  people: IPerson[];
}

export interface IStatus {
  version: string;
  person: string;
  hub: boolean;
  workspace: IWorkspace | null;
}
