// One player, one size of chunks, one process: `node run.mjs PLAYER CHUNK STREAM`, CHUNK being bytes or `gop`.
//
// Passes over the stream, each with a new player. The first, in which nothing is warm, times each push: what a viewer's
// machine does in the first minute. Then one to warm up, and one that is timed as a whole, for the throughput. Five more
// time each push again: the least that one took is its own work, without what else the machine does meanwhile, the
// engine's compiling and collecting of garbage included.
// Every chunk lies in a buffer of its own, as it comes from a socket, and all are there before the clock runs.

import { readFileSync } from 'node:fs';
import { players } from './players.mjs';

const PACKET = 188;
const [name, size, path] = process.argv.slice(2);

/** Whether a random access point of the picture begins in this packet. */
function begins(packet) {
  const [, first, , control, length, flags] = packet;
  if (!(first & 0x40) || (control & 0x30) !== 0x30 || length === 0 || !(flags & 0x40)) return false;
  const pes = packet.subarray(5 + length);
  return pes[0] === 0 && pes[1] === 0 && pes[2] === 1 && (pes[3] & 0xf0) === 0xe0;
}

/**
 * The stream in pieces, each with whether a GOP begins with it, and how many of them are its first second. No piece
 * reaches from one GOP into the next: those who take a GOP for a file need to be told its end.
 */
function cut() {
  const stream = readFileSync(path);
  const starts = [];
  for (let at = 0; at < stream.length; at += PACKET) {
    if (begins(stream.subarray(at, at + PACKET))) starts.push(at);
  }
  // The first GOP begins with the tables before it.
  starts[0] = 0;
  const pieces = [];
  starts.forEach((start, index) => {
    const end = starts[index + 1] ?? stream.length;
    const length = size === 'gop' ? end - start : Number(size);
    for (let at = start; at < end; at += length) {
      pieces.push([new Uint8Array(stream.subarray(at, Math.min(at + length, end))), at === start]);
    }
  });
  let seconds = 0;
  const settled = pieces.findIndex(([, first]) => first && (seconds += 1) > 1);
  return { bytes: stream.length, settled, pieces };
}

const { bytes, settled, pieces } = cut();
const make = players[name];
let out = 0;
const sink = (length) => { out += length; };
const fresh = () => make(sink, { whole: size === 'gop' });

let longest = 0;
let player = await fresh();
let memory = 0;
for (let index = 0; index < pieces.length; index += 1) {
  const [chunk, first] = pieces[index];
  const before = performance.now();
  player.push(chunk, first);
  const took = performance.now() - before;
  if (index >= settled && took > longest) longest = took;
  if (index === settled) memory = player.memory?.() ?? 0;
}
player.end();
const growth = (player.memory?.() ?? 0) - memory;
const peak = process.resourceUsage().maxRSS / 1000;
const given = out;

for (let pass = 0; pass < 2; pass += 1) {
  player = await fresh();
  var cpu = process.cpuUsage();
  var begun = performance.now();
  for (const [chunk, first] of pieces) player.push(chunk, first);
  player.end();
  var took = performance.now() - begun;
  cpu = process.cpuUsage(cpu);
}

const least = new Array(pieces.length).fill(Infinity);
for (let pass = 0; pass < 5; pass += 1) {
  player = await fresh();
  for (let index = 0; index < pieces.length; index += 1) {
    const before = performance.now();
    player.push(...pieces[index]);
    least[index] = Math.min(least[index], performance.now() - before);
  }
  player.end();
}
const own = Math.max(...least.slice(settled));

// What a player leaves out it does not have to carry: media is at least nine tenths of the stream.
if (given < bytes * 0.9) throw new Error(`${name} gave ${given} bytes of ${bytes}`);
console.log([bytes / 1000 / took, longest, (cpu.user + cpu.system) / 1000, peak, growth / 1000, own].map((n) => n.toFixed(3)).join(' '));
