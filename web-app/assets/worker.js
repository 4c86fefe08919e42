// Starts the segmenter. Its names carry no hash, so the page's query keeps an older build out of the cache.
importScripts(`segmenter_worker.js${location.search}`);
// The page hears of what is thrown, and not of a promise that fails: so a module that does not load is thrown.
self.addEventListener('unhandledrejection', (event) => {
  setTimeout(() => { throw event.reason; });
});
wasm_bindgen({ module_or_path: `segmenter_worker_bg.wasm${location.search}` });

// The decoders of sound are a module of their own, which the segmenter asks for when a stream needs one. It is imported:
// a second script would have the first one's global names. A module that failed is remembered by its address, and so is
// one that has started: another attempt has another address.
self.loadSoundDecoder = async (load) => {
  const query = load > 1 ? `${location.search || '?'}&load=${load}` : location.search;
  const { default: start } = await import(`./sound_decoder.js${query}`);
  await start({ module_or_path: `sound_decoder_bg.wasm${location.search}` });
};
