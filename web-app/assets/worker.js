// Starts the segmenter. Its names carry no hash, so the page's query keeps an older build out of the cache.
importScripts(`segmenter_worker.js${location.search}`);
wasm_bindgen({ module_or_path: `segmenter_worker_bg.wasm${location.search}` });

// The decoders of sound are a module of their own, which the segmenter asks for when a stream needs one. It is imported:
// a second script would have the first one's global names.
self.loadSoundDecoder = async () => {
  const { default: start } = await import(`./sound_decoder.js${location.search}`);
  await start({ module_or_path: `sound_decoder_bg.wasm${location.search}` });
};
