import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Readable } from 'node:stream';
import ts from 'typescript';
import type { NodeLine } from './node-lines.ts';
import { readManifest, type Manifest } from './public-packages.ts';
import { environment, run } from './run.ts';

/** The names that each entry of a package exports, by specifier. */
export type ExportedNames = Readonly<Record<string, readonly string[]>>;

const SETTINGS = 'engine-strict=true\nprefer-offline=true\nfetch-retries=1\naudit=false\nfund=false\n';

/** Somebody's project outside the workspace, in which one published package is installed and nothing else. */
export class Consumer {
  /** @throws Error with npm's output when npm refuses, for instance because `engines` excludes this Node */
  static async install(name: string, line: NodeLine, folder: string, npmrc: string): Promise<Consumer> {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'package.json'), '{ "private": true }');
    await writeFile(join(folder, '.npmrc'), npmrc + SETTINGS);
    await run('npm', ['install', name], { cwd: folder, env: line.env });
    const installed = join(folder, 'node_modules', name);
    return new Consumer(folder, installed, line, await readManifest(installed));
  }

  readonly folder: string;
  /** Where npm unpacked the package. */
  readonly installed: string;
  /** The manifest as published. */
  readonly manifest: Manifest;
  readonly #line: NodeLine;

  private constructor(folder: string, installed: string, line: NodeLine, manifest: Manifest) {
    this.folder = folder;
    this.installed = installed;
    this.manifest = manifest;
    this.#line = line;
  }

  /** Every file of the tarball. */
  async files(): Promise<readonly string[]> {
    const found = await readdir(this.installed, { recursive: true, withFileTypes: true });
    return found
      .filter((file) => file.isFile())
      .map((file) => relative(this.installed, join(file.parentPath, file.name)));
  }

  /** Loads each entry by `import`, or each by `require`, in one process that must then exit by itself. */
  async exportedNames(by: 'import' | 'require'): Promise<ExportedNames> {
    const load = by === 'import' ? 'await import(entry)' : 'require(entry)';
    const script = `
      const names = {};
      for (const entry of process.argv.slice(1)) names[entry] = Object.keys(${load}).sort();
      console.log(JSON.stringify(names));`;
    const type = by === 'import' ? 'module' : 'commonjs';
    const printed = await this.node([`--input-type=${type}`, '--eval', script, ...this.entries()]);
    return JSON.parse(printed) as ExportedNames;
  }

  /** The first `ts` block of the README, or undefined when it has none. */
  async example(): Promise<string | undefined> {
    const readme = await readFile(join(this.installed, 'README.md'), 'utf8');
    return /^```ts\n(.*?)^```/ms.exec(readme)?.[1];
  }

  /** Runs TypeScript as a build without type-checking would. @throws Error unless it exits with 0 within 20 s */
  async runTypeScript(source: string): Promise<string> {
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
    await writeFile(join(this.folder, 'example.mjs'), ts.transpileModule(source, { compilerOptions }).outputText);
    return this.node(['example.mjs']);
  }

  node(args: readonly string[]): Promise<string> {
    return run('node', args, { cwd: this.folder, env: this.#line.env, timeout: 20_000 });
  }

  /** Runs an installed bin; `--no` keeps npx from fetching one that is not there. */
  npx(args: readonly string[]): Promise<string> {
    return run('npx', ['--no', '--', ...args], { cwd: this.folder, env: this.#line.env, timeout: 20_000 });
  }

  /** Starts an installed bin that goes on running, with its standard error piped. */
  start(bin: string, args: readonly string[]): ChildProcessByStdio<null, null, Readable> {
    const env = environment(this.#line.env);
    return spawn(join(this.folder, 'node_modules/.bin', bin), args, {
      cwd: this.folder,
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  }

  /** The specifiers of the package's code. */
  entries(): readonly string[] {
    const { name, exports } = this.manifest;
    return Object.keys(exports)
      .filter((path) => path !== './package.json')
      .map((path) => name + path.slice(1));
  }
}
