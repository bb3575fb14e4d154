// Fails unless the committed dist/ is exactly what the source builds to.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const fresh = join(root, '.build', 'dist');

function read(folder) {
  try {
    return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  } catch {
    return new Map();
  }
}

execFileSync(process.execPath, [join(root, 'scripts', 'build.mjs'), fresh], { cwd: root, stdio: 'inherit' });
const built = read(fresh);
const committed = read(join(root, 'dist'));
rmSync(fresh, { recursive: true, force: true });

const differing = [...new Set([...built.keys(), ...committed.keys()])].filter(
  (name) => built.get(name) !== committed.get(name),
);
if (built.size === 0 || differing.length > 0) {
  console.error(`dist/ is not what the source builds to: ${differing.join(', ')}`);
  console.error('Run `npm run build` and commit dist/.');
  process.exit(1);
}
console.log(`dist/ is up to date: ${built.size} files`);
