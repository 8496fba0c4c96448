/**
 * Names of several upstreams behind one endpoint: a tool or prompt is `server__name`, a resource `server+uri`. The server
 * part is the configured name, never what the upstream calls itself.
 */
export interface Names {
  join(upstream: string, name: string): string;
  /** Undefined where no configured server stands before the separator. */
  split(name: string): { readonly upstream: string; readonly name: string } | undefined;
}

export const toolNames = (upstreams: readonly string[]): Names => separated(upstreams, '__');
export const resourceUris = (upstreams: readonly string[]): Names => separated(upstreams, '+');

function separated(upstreams: readonly string[], separator: string): Names {
  return {
    join: (upstream, name) => `${upstream}${separator}${name}`,
    split: (name) => {
      const upstream = upstreams.find((id) => name.startsWith(id + separator));
      return upstream === undefined ? undefined : { upstream, name: name.slice(upstream.length + separator.length) };
    },
  };
}
