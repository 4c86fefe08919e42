// Starts the segmenter. Its names carry no hash, so the page's query keeps an older build out of the cache.
importScripts(`segmenter_worker.js${location.search}`);
wasm_bindgen({ module_or_path: `segmenter_worker_bg.wasm${location.search}` });
