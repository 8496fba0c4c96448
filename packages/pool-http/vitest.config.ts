export { suite as default } from '@forge/config/vitest';
