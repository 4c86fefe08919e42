//! The decoders' module: loaded when a stream first needs one, then kept for all that follow.

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
    // In assets/worker.js: imports the module, which is named by a path there.
    #[wasm_bindgen(js_name = loadSoundDecoder, catch)]
    async fn load_sound_decoder() -> Result<JsValue, JsValue>;

    // What the module's function gives; see `sound::bridge`. The slices are passed as views, without a copy.
    #[derive(Debug)]
    type Remote;
    #[wasm_bindgen(method, catch)]
    fn decode(this: &Remote, frame: &[u8], output: &mut [u8]) -> Result<f64, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn reset(this: &Remote) -> Result<(), JsValue>;
}

/// The module, at whichever stage.
#[derive(Debug, Default)]
pub(super) struct Sound(Rc<RefCell<Stage>>);

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Absent,
    Loading,
    Ready(Function),
    Failed(String),
}

impl Sound {
    /// A decoder, as soon as the module is there: the first to ask has it loaded. `None` while that goes on.
    ///
    /// # Errors
    /// With a sentence where it could not be loaded; who asks after that tries again.
    pub(super) fn decoder(&self, codec: SoundCodec) -> Option<Result<Box<dyn SoundDecoder>, String>> {
        let mut stage = self.0.borrow_mut();
        match &*stage {
            Stage::Absent => {
                *stage = Stage::Loading;
                let stage = self.0.clone();
                spawn_local(async move {
                    let loaded = load().await;
                    *stage.borrow_mut() = loaded;
                });
                None
            }
            Stage::Loading => None,
            Stage::Ready(factory) => {
                let remote = factory.call1(&JsValue::UNDEFINED, &codec.as_str().into());
                Some(match remote {
                    Ok(remote) if remote.is_object() => Ok(Box::new(Loaded::new(remote.unchecked_into()))),
                    _ => Err(sentence("it knows no such codec")),
                })
            }
            Stage::Failed(reason) => {
                let reason = reason.clone();
                *stage = Stage::Absent;
                Some(Err(reason))
            }
        }
    }
}

async fn load() -> Stage {
    if let Err(error) = load_sound_decoder().await {
        return Stage::Failed(sentence(&thrown(&error).1));
    }
    match Reflect::get(&js_sys::global(), &FACTORY.into()).map(JsCast::dyn_into) {
        Ok(Ok(factory)) => Stage::Ready(factory),
        _ => Stage::Failed(sentence("it does not offer them")),
    }
}

fn sentence(reason: &str) -> String {
    format!("The sound has to be decoded here, and the decoders could not be loaded: {reason}.")
}

/// A decoder in the other module.
#[derive(Debug)]
struct Loaded {
    remote: Remote,
    output: Vec<u8>,
    /// It threw, which only a panic does: what it does afterwards is not known.
    broken: bool,
}

impl Loaded {
    fn new(remote: Remote) -> Self {
        Self { remote, output: vec![0; OUTPUT_MAX], broken: false }
    }
}

impl SoundDecoder for Loaded {
    fn decode(&mut self, frame: &[u8]) -> Result<Flac, NotDecodable> {
        if self.broken {
            return Err(NotDecodable);
        }
        let Ok(length) = self.remote.decode(frame, &mut self.output) else {
            self.broken = true;
            return Err(NotDecodable);
        };
        self.output.get(..length as usize).and_then(flac).ok_or(NotDecodable)
    }

    fn reset(&mut self) {
        self.broken |= self.remote.reset().is_err();
    }
}
