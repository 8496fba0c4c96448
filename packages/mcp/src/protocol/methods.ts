/** What an upstream offers, in the words of its capabilities. */
export type Feature = 'tools' | 'prompts' | 'resources';

/** A request that a gateway forwards. */
export interface Method {
  readonly feature: Feature;
  /** `list` and `read` results carry cache hints; `call` is a tool, `get` a prompt. */
  readonly kind: 'list' | 'read' | 'call' | 'get';
  /** The member of `params` that says which tool, prompt or resource is meant. */
  readonly nameMember?: 'name' | 'uri';
  /** Of a list: the member of the result that holds the items, and the member of an item that names it. */
  readonly items?: string;
  readonly itemName?: 'name' | 'uri' | 'uriTemplate';
}

const METHODS: ReadonlyMap<string, Method> = new Map<string, Method>([
  ['tools/list', { feature: 'tools', kind: 'list', items: 'tools', itemName: 'name' }],
  ['tools/call', { feature: 'tools', kind: 'call', nameMember: 'name' }],
  ['prompts/list', { feature: 'prompts', kind: 'list', items: 'prompts', itemName: 'name' }],
  ['prompts/get', { feature: 'prompts', kind: 'get', nameMember: 'name' }],
  ['resources/list', { feature: 'resources', kind: 'list', items: 'resources', itemName: 'uri' }],
  [
    'resources/templates/list',
    { feature: 'resources', kind: 'list', items: 'resourceTemplates', itemName: 'uriTemplate' },
  ],
  ['resources/read', { feature: 'resources', kind: 'read', nameMember: 'uri' }],
]);

/** The forwarded method of that name, or undefined where a gateway answers itself or refuses. */
export function forwardedMethod(name: string): Method | undefined {
  return METHODS.get(name);
}
