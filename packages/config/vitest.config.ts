export { suite as default } from './src/vitest.ts';
