export { library as default } from '@forge/config/tsup';
