//! Functions on the global scope of Node.

use amt_web_app::segmenter::{Options, Output, Segmenter};
use js_sys::{Array, ArrayBuffer, Function, Object, Reflect, Uint8Array, WebAssembly};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};

/// Lays `amtSegmenter` and `amtCopier` on the global scope: each makes an object with `push(Uint8Array)`.
pub(crate) fn start() {
    let global = js_sys::global();
    set(&global, "amtSegmenter", &function(Closure::<dyn Fn() -> Object>::new(segmenter).into_js_value()));
    set(&global, "amtCopier", &function(Closure::<dyn Fn() -> Object>::new(copier).into_js_value()));
}

/// `push` gives an array of segments, or nothing; `memory` the bytes of wasm's memory.
fn segmenter() -> Object {
    // What the page asks for.
    let mut segmenter = Segmenter::new(Options { make_up_pictures: true, ..Options::default() });
    let mut bytes = Vec::new();
    let push = move |chunk: Uint8Array| -> Option<Array> {
        take(&mut bytes, &chunk);
        segmenter.push(&bytes, 0);
        let mut segments: Option<Array> = None;
        while let Some(output) = segmenter.poll() {
            let data = match &output {
                Output::Init(init) => &init.data,
                Output::Media(media) => &media.data,
                _ => continue,
            };
            segments.get_or_insert_with(Array::new).push(&Uint8Array::from(&data[..]));
        }
        segments
    };
    let memory = || {
        let memory = wasm_bindgen::memory().unchecked_into::<WebAssembly::Memory>();
        memory.buffer().unchecked_into::<ArrayBuffer>().byte_length()
    };
    let object = Object::new();
    set(&object, "push", &Closure::<dyn FnMut(Uint8Array) -> Option<Array>>::new(push).into_js_value());
    set(&object, "memory", &Closure::<dyn Fn() -> u32>::new(memory).into_js_value());
    object
}

/// `push` gives the same bytes again.
fn copier() -> Object {
    let mut bytes = Vec::new();
    let push = move |chunk: Uint8Array| {
        take(&mut bytes, &chunk);
        Uint8Array::from(&bytes[..])
    };
    let object = Object::new();
    set(&object, "push", &Closure::<dyn FnMut(Uint8Array) -> Uint8Array>::new(push).into_js_value());
    object
}

/// Copies a chunk into memory that is kept.
fn take(bytes: &mut Vec<u8>, chunk: &Uint8Array) {
    bytes.resize(chunk.length() as usize, 0);
    chunk.copy_to(bytes);
}

fn function(value: JsValue) -> Function {
    value.unchecked_into()
}

fn set(object: &Object, name: &str, value: &JsValue) {
    // It fails only for what is frozen.
    let _ = Reflect::set(object, &name.into(), value);
}
