import { isObject, rawMembers, writeMembers, type Answer, type Method } from '@forge/mcp/protocol';

/** Gives a resource of an upstream its front URI. */
type Rename = (uri: string) => string;

/**
 * Puts front URIs where a result names resources, so that a client can read what it was shown: the contents of a read, and
 * the links and embedded resources of a tool's or a prompt's result. Every other byte stays.
 */
export function withFrontUris(answer: Answer, rule: Method, rename: Rename): Answer {
  if (answer.kind === 'error') return answer;
  const member = MEMBER[rule.kind];
  if (member === undefined || (rule.kind !== 'read' && !answer.body.includes('"resource'))) return answer;
  const members = rawMembers(answer.body);
  const raw = members.get(member);
  if (raw === undefined) return answer;
  const renamed = renamers[member](JSON.parse(raw), rename);
  return { ...answer, body: writeMembers(members.set(member, JSON.stringify(renamed))) };
}

const MEMBER = { list: undefined, read: 'contents', call: 'content', get: 'messages' } as const;

const renamers: Readonly<Record<'contents' | 'content' | 'messages', (value: unknown, rename: Rename) => unknown>> = {
  contents: (value, rename) => each(value, (item) => ownUri(item, rename)),
  content: (value, rename) => each(value, (block) => contentBlock(block, rename)),
  messages: (value, rename) =>
    each(value, (message) =>
      isObject(message) ? { ...message, content: contentBlock(message['content'], rename) } : message,
    ),
};

/** A content block, or a list of them. */
function contentBlock(value: unknown, rename: Rename): unknown {
  if (Array.isArray(value)) return each(value, (item) => contentBlock(item, rename));
  if (!isObject(value)) return value;
  if (value['type'] === 'resource_link') return ownUri(value, rename);
  return value['type'] === 'resource' ? { ...value, resource: ownUri(value['resource'], rename) } : value;
}

function ownUri(value: unknown, rename: Rename): unknown {
  return isObject(value) && typeof value['uri'] === 'string' ? { ...value, uri: rename(value['uri']) } : value;
}

function each(value: unknown, change: (item: unknown) => unknown): unknown {
  return Array.isArray(value) ? value.map(change) : value;
}
