// Erlang/OTP: the running VM loads the new code, and every room's state is changed in place.

import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { announced, run, start, stop } from '../children.mjs';
import { debian } from '../install.mjs';

export const title = 'Erlang/OTP, hot upgrade in place';
export const client = 'plain';
export const docs = 'https://www.erlang.org/doc/system/release_handling.html';

const evaluate = (code) => run('erl', ['-noinput', '-boot', 'start_clean', '-eval', `${code}, halt().`]);

export async function prepare({ say, install }) {
  // Debian's erlang-crypto brings erlang-base, which has the compiler.
  const there = () => evaluate('{ok, _} = application:ensure_all_started(crypto), {module, _} = code:ensure_loaded(compile)');
  await there().catch(() => debian('erlang-crypto', { say, install }));
  return evaluate('io:format("Erlang/OTP ~s, erts ~s", [erlang:system_info(otp_release), erlang:system_info(version)])');
}

async function compiled(root, scratch, version) {
  const [from, to] = [path.join(root, 'bench/peers/servers/erlang'), path.join(scratch, `v${version}`)];
  await mkdir(to);
  const files = ['room.erl', 'server.erl'].map((name) => path.join(from, name));
  await run('erlc', ['-Werror', `-DVERSION=${version}`, '-o', to, ...files]);
  return to;
}

export async function launch({ root, scratch }) {
  const [first, second] = [await compiled(root, scratch, 1), await compiled(root, scratch, 2)];
  const child = start('erl', ['-noshell', '-boot', 'start_clean', '-pa', first, '-s', 'server', 'main'], { cwd: scratch });
  const { port } = await announced(child);
  return {
    url: () => `ws://127.0.0.1:${port}`,
    deploy: async () => {
      const answer = announced(child);
      child.stdin.write(`upgrade ${second}\n`);
      await answer;
    },
    stop: () => stop(child),
  };
}
