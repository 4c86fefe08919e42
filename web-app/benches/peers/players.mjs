// The players, each as a function that makes { push(chunk), end() } of a sink for what comes out.
//
// Each is called as its own player calls it, from where the bytes are there to where the fMP4 is handed on: the
// socket, the worker's messages and Media Source Extensions are left out for all of them.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** What the players expect of a browser at load time. */
function shim() {
  globalThis.self = globalThis;
  globalThis.window = globalThis;
  globalThis.navigator ??= { userAgent: 'Mozilla/5.0 Chrome/128.0.0.0', platform: 'Linux x86_64', vendor: '' };
}

/** amt-player: bytes into wasm, `Segmenter::push` and `poll`, and a `Uint8Array` of each segment, as in the page's worker. */
function ours(sink) {
  require('./segmenter_in_node.js');
  const segmenter = globalThis.amtSegmenter();
  return {
    push(chunk) {
      const segments = segmenter.push(chunk);
      if (segments !== undefined) for (const segment of segments) sink(segment.byteLength);
    },
    end() {},
    memory: () => segmenter.memory(),
  };
}

/**
 * hls.js: `Transmuxer.push` and `flush`, which its worker calls for what was loaded (src/demux/transmuxer.ts); hls.mjs
 * is the package's dist/hls.mjs with these classes exported, which it keeps to itself. A chunk of one GOP is a fragment by itself, as it does by default; small ones are the pieces of fragments of one GOP, as with
 * `progressive: true`.
 */
async function hls(sink, { whole }) {
  shim();
  const { default: Hls, Transmuxer, TransmuxConfig, TransmuxState, ChunkMetadata } = await import('./hls.mjs');
  const observer = { emit: (_, __, data) => { throw data.error ?? new Error(data.reason); }, removeAllListeners() {} };
  const quiet = () => {};
  const logger = { log: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet, trace: quiet };
  const config = { ...Hls.DefaultConfig, progressive: !whole };
  const supported = { mpeg: true, mp3: true, ac3: false };
  const transmuxer = new Transmuxer(observer, supported, config, '', 'main', logger);
  transmuxer.configure(new TransmuxConfig('mp4a.40.2', 'avc1.64002a', undefined, 60, null));
  let sequence = 0;
  let meta;
  const give = ({ remuxResult: { audio, video } }) => {
    for (const track of [audio, video]) {
      if (track) sink(track.data1.byteLength + (track.data2?.byteLength ?? 0), track.nb);
    }
  };
  return {
    push(chunk, begins) {
      let state;
      if (meta === undefined || begins) {
        if (meta !== undefined) transmuxer.flush(meta).forEach(give);
        const first = meta === undefined;
        meta = new ChunkMetadata(0, sequence++, 0, chunk.byteLength);
        state = new TransmuxState(first, !first, false, false, sequence - 1, false);
      }
      give(transmuxer.push(chunk.buffer, null, meta, state));
    },
    end: () => transmuxer.flush(meta).forEach(give),
  };
}

/**
 * mpegts.js: `TSDemuxer.parseChunks` bound to `MP4Remuxer`, as its transmuxing controller does
 * (src/core/transmuxing-controller.js), with `isLive: true`.
 */
async function mpegts(sink) {
  shim();
  const { TSDemuxer, MP4Remuxer, createDefaultConfig, LoggingControl } = require('./mpegts.cjs');
  LoggingControl.enableAll = false;
  const config = { ...createDefaultConfig(), isLive: true };
  let demuxer;
  let at = 0;
  return {
    push(chunk) {
      if (demuxer === undefined) {
        demuxer = new TSDemuxer(TSDemuxer.probe(chunk.buffer), config);
        const remuxer = new MP4Remuxer(config);
        demuxer.onError = (type, info) => { throw new Error(`${type}: ${info}`); };
        for (const name of ['onMediaInfo', 'onMetaDataArrived', 'onTimedID3Metadata', 'onPGSSubtitleData', 'onSMPTE2038Metadata',
          'onSynchronousKLVMetadata', 'onAsynchronousKLVMetadata', 'onSCTE35Metadata', 'onPESPrivateDataDescriptor', 'onPESPrivateData']) {
          demuxer[name] = () => {};
        }
        remuxer.bindDataSource(demuxer);
        remuxer.onInitSegment = () => {};
        remuxer.onMediaSegment = (_, segment) => sink(segment.data.byteLength, segment.sampleCount);
      }
      const taken = demuxer.parseChunks(chunk.buffer, at);
      if (taken !== chunk.byteLength) throw new Error(`took ${taken} of ${chunk.byteLength} bytes`);
      at += taken;
    },
    end() {},
  };
}

/**
 * mux.js: `mp4.Transmuxer.push`, and `flush` at the end of each GOP, as Video.js does at the end of a segment: nothing
 * comes out before that.
 */
async function mux(sink) {
  shim();
  const muxjs = require('mux.js');
  const transmuxer = new muxjs.mp4.Transmuxer({ keepOriginalTimestamps: true, remux: false });
  transmuxer.on('data', (segment) => sink(segment.data.byteLength));
  let begun = false;
  return {
    push(chunk, begins) {
      if (begun && begins) transmuxer.flush();
      begun = true;
      transmuxer.push(chunk);
    },
    end: () => transmuxer.flush(),
  };
}

/** Into wasm and out again as one new `Uint8Array`: the least that a segmenter in wasm has to do. */
function copyInWasm(sink) {
  require('./segmenter_in_node.js');
  const copier = globalThis.amtCopier();
  return { push: (chunk) => sink(copier.push(chunk).byteLength), end() {} };
}

/** One new `Uint8Array`: the least that a segmenter in JavaScript has to do. */
function copyInJavaScript(sink) {
  return { push: (chunk) => sink(new Uint8Array(chunk).byteLength), end() {} };
}

export const players = {
  'amt-player': ours,
  'hls.js': hls,
  'mpegts.js': mpegts,
  'mux.js': mux,
  'copy in wasm': copyInWasm,
  'copy in JS': copyInJavaScript,
};
