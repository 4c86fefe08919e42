//! The decoders' module in the browser: a wasm module of its own, imported into the worker.

use super::decoders::{Condition, Module};
use crate::browser::thrown;
use crate::segmenter::{Flac, NotDecodable, SoundCodec, SoundDecoder};
use crate::sound::bridge::{FACTORY, OUTPUT_MAX, flac};
use js_sys::{Function, Reflect};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;

#[wasm_bindgen]
extern "C" {
    // In assets/worker.js: imports the module, which is named by a path there. The number is of the attempt.
    #[wasm_bindgen(js_name = loadSoundDecoder, catch)]
    async fn load_sound_decoder(load: u32) -> Result<JsValue, JsValue>;

    // What the module's function gives; see `sound::bridge`. The slices are passed as views, without a copy.
    #[derive(Debug)]
    type Remote;
    #[wasm_bindgen(method, catch)]
    fn decode(this: &Remote, frame: &[u8], output: &mut [u8]) -> Result<f64, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn reset(this: &Remote) -> Result<(), JsValue>;
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Imported {
    loads: u32,
    /// Of the last load; those before have their own, which nobody asks any more.
    instance: Rc<RefCell<Instance>>,
}

/// One instance of the module, at whichever stage.
#[derive(Debug, Default)]
enum Instance {
    #[default]
    Loading,
    Ready(Function),
    NotLoaded(String),
    /// Something in it threw, which only a panic does: what it does afterwards is not known.
    Broken,
}

impl Module for Imported {
    fn load(&mut self) {
        self.loads += 1;
        self.instance = Rc::default();
        let (load, instance) = (self.loads, self.instance.clone());
        spawn_local(async move {
            let loaded = import(load).await;
            *instance.borrow_mut() = loaded;
        });
    }

    fn condition(&self) -> Condition {
        match &*self.instance.borrow() {
            Instance::Loading => Condition::Loading,
            Instance::Ready(_) => Condition::Ready,
            Instance::NotLoaded(reason) => Condition::NotLoaded(reason.clone()),
            Instance::Broken => Condition::Broken,
        }
    }

    fn decoder(&mut self, codec: SoundCodec) -> Option<Box<dyn SoundDecoder>> {
        let Instance::Ready(factory) = &*self.instance.borrow() else { return None };
        let remote = factory.call1(&JsValue::UNDEFINED, &codec.as_str().into()).ok().filter(JsValue::is_object)?;
        Some(Box::new(Loaded {
            remote: remote.unchecked_into(),
            output: vec![0; OUTPUT_MAX],
            instance: self.instance.clone(),
        }))
    }
}

async fn import(load: u32) -> Instance {
    if let Err(error) = load_sound_decoder(load).await {
        return Instance::NotLoaded(thrown(&error).1);
    }
    match Reflect::get(&js_sys::global(), &FACTORY.into()).map(JsCast::dyn_into) {
        Ok(Ok(factory)) => Instance::Ready(factory),
        _ => Instance::NotLoaded("the module does not export them".into()),
    }
}

/// A decoder in the other module.
#[derive(Debug)]
struct Loaded {
    remote: Remote,
    output: Vec<u8>,
    instance: Rc<RefCell<Instance>>,
}

impl Loaded {
    fn is_broken(&self) -> bool {
        matches!(&*self.instance.borrow(), Instance::Broken)
    }
}

impl SoundDecoder for Loaded {
    fn decode(&mut self, frame: &[u8]) -> Result<Flac, NotDecodable> {
        if self.is_broken() {
            return Err(NotDecodable);
        }
        let Ok(length) = self.remote.decode(frame, &mut self.output) else {
            *self.instance.borrow_mut() = Instance::Broken;
            return Err(NotDecodable);
        };
        self.output.get(..length as usize).and_then(flac).ok_or(NotDecodable)
    }

    fn reset(&mut self) {
        if !self.is_broken() && self.remote.reset().is_err() {
            *self.instance.borrow_mut() = Instance::Broken;
        }
    }
}
