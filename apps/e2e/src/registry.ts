import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** A package as a registry describes it. */
export interface Packument {
  readonly name: string;
  readonly 'dist-tags': Readonly<Record<string, string>>;
  readonly versions: Readonly<
    Record<string, { readonly version: string; readonly dist: { readonly tarball: string } }>
  >;
}

/** What a client PUTs to publish: the packument of one new version, and its tarball in base64. */
export interface Publication extends Packument {
  readonly _attachments: Readonly<Record<string, { readonly data: string }>>;
}

type Answer = readonly [status: number, body: Packument | Buffer | { readonly error: string }];

const TOKEN = 'loopback';

/** A later registry may get the same port, and clients keep what they have got per address. */
const HEADERS = { 'cache-control': 'no-store' };

/** An npm registry on the loopback interface, in memory: publish with a token, read packuments and tarballs. */
export class Registry {
  static async start(): Promise<Registry> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Registry(server);
  }

  readonly url: string;
  readonly #server: Server;
  readonly #packuments = new Map<string, Packument>();
  readonly #tarballs = new Map<string, Buffer>();

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    server.on('request', (request: IncomingMessage, response) => {
      void this.#answer(request).then(([status, body]) => {
        response.writeHead(status, HEADERS).end(Buffer.isBuffer(body) ? body : JSON.stringify(body));
      });
    });
  }

  /** The `.npmrc` that sends one scope here and leaves every other package to the usual registry. */
  npmrc(scope: string): string {
    return `${scope}:registry=${this.url}\n${this.url.replace('http:', '')}:_authToken=${TOKEN}\n`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const path = this.#path(request.url ?? '/');
    if (request.method !== 'PUT') {
      const found = this.#packuments.get(path) ?? this.#tarballs.get(path);
      return found === undefined ? [404, { error: `${path} is not in this registry` }] : [200, found];
    }
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return [401, { error: 'Publishing needs the token' }];
    return this.#publish((await json(request)) as Publication);
  }

  #publish({ _attachments: attachments, ...publication }: Publication): Answer {
    const known = this.#packuments.get(publication.name);
    const [tarball] = Object.values(attachments);
    for (const [version, { dist }] of Object.entries(publication.versions)) {
      if (known?.versions[version] !== undefined) return [403, { error: `${version} is already published` }];
      this.#tarballs.set(this.#path(dist.tarball), Buffer.from(tarball?.data ?? '', 'base64'));
    }
    const packument = {
      ...publication,
      'dist-tags': { ...known?.['dist-tags'], ...publication['dist-tags'] },
      versions: { ...known?.versions, ...publication.versions },
    };
    this.#packuments.set(publication.name, packument);
    return [201, packument];
  }

  #path(url: string): string {
    return decodeURIComponent(new URL(url, this.url).pathname).slice(1);
  }
}
