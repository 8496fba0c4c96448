import { command } from './command.ts';

process.exitCode = await command(process.argv.slice(2), {
  benches: new URL('../benches/', import.meta.url),
  results: new URL('../results/', import.meta.url),
  print: (text) => process.stdout.write(`${text}\n`),
  printError: (text) => process.stderr.write(`${text}\n`),
});
