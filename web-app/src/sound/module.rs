//! The decoders' own wasm module: it is loaded where a stream needs one, into the worker's thread.
//!
//! It exports nothing: when it starts, it puts the function of [`super::bridge`] into the global scope.

use super::bridge::{FACTORY, head};
use crate::segmenter::SoundCodec;
use js_sys::{Object, Reflect, Uint8Array};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;

/// Offers the decoders.
pub fn start() {
    console_error_panic_hook::set_once();
    let factory = Closure::<dyn Fn(String) -> JsValue>::new(|codec: String| make(&codec)).into_js_value();
    // A global scope takes what it is given.
    let _ = Reflect::set(&js_sys::global(), &FACTORY.into(), &factory);
}

/// A decoder as an object; `undefined` for a codec that there is none for.
fn make(codec: &str) -> JsValue {
    let Some(codec) = [SoundCodec::MpegAudio, SoundCodec::Ac3].into_iter().find(|known| known.as_str() == codec) else {
        return JsValue::UNDEFINED;
    };
    let decoder = Rc::new(RefCell::new(super::decoder(codec)));
    let decode = {
        let decoder = decoder.clone();
        let mut input = Vec::new();
        Closure::<dyn FnMut(Uint8Array, Uint8Array) -> f64>::new(move |frame: Uint8Array, output: Uint8Array| {
            input.resize(frame.length() as usize, 0);
            frame.copy_to(&mut input);
            let Ok(flac) = decoder.borrow_mut().decode(&input) else { return 0.0 };
            let head = head(&flac);
            let length = head.len() + flac.data.len();
            if length > output.length() as usize {
                return 0.0;
            }
            output.subarray(0, head.len() as u32).copy_from(&head);
            output.subarray(head.len() as u32, length as u32).copy_from(&flac.data);
            length as f64
        })
        .into_js_value()
    };
    let reset = Closure::<dyn Fn()>::new(move || decoder.borrow_mut().reset()).into_js_value();
    let object = Object::new();
    for (name, function) in [("decode", decode), ("reset", reset)] {
        // A fresh object takes what it is given.
        let _ = Reflect::set(&object, &name.into(), &function);
    }
    object.into()
}
