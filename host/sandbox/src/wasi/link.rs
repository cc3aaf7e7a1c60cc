//! Linking: each function that a component imports from WASI is answered here, or ends the call.

use wasmtime::{
    StoreContextMut, Trap,
    component::{Component, Linker, LinkerInstance, Resource, ResourceType, WasmList, types::ComponentItem},
};

use super::{
    NoUse, Output, interface,
    limits::RANDOM_BYTES,
    types::{DateTime, InputStream, IoError, NeverGiven, OutputStream, Pollable, StreamError, Terminal},
};
use crate::call::CallState;

/// The instant at which the clock stands: 2025-01-01T00:00:00Z. Later than whatever a runtime takes for a clock that was
/// never set.
const NOW_SECONDS: u64 = 1_735_689_600;
/// Bytes that may be printed at once: what a runtime buffers.
const PRINT_BYTES: u32 = 4 << 10;

type Store<'a> = StoreContextMut<'a, CallState>;
type Result<T> = wasmtime::Result<T>;

const STDOUT: u32 = 1;
const STDERR: u32 = 2;

/// The linker with everything that the component imports from WASI.
pub(crate) fn link(base: &Linker<CallState>, component: &Component) -> Result<Linker<CallState>> {
    let mut linker = base.clone();
    let engine = component.engine();
    for (import, external) in component.component_type().imports(engine) {
        let Some(interface) = interface(import) else { continue };
        let ComponentItem::ComponentInstance(instance) = external.ty else { continue };
        let mut into = linker.instance(import)?;
        for (name, external) in instance.exports(engine) {
            match external.ty {
                ComponentItem::Resource(_) => into.resource(name, resource_type(name), give_back)?,
                ComponentItem::ComponentFunc(_) => define(&mut into, import, interface, name)?,
                _ => {}
            }
        }
    }
    Ok(linker)
}

fn resource_type(name: &str) -> ResourceType {
    match name {
        "input-stream" => ResourceType::host::<InputStream>(),
        "output-stream" => ResourceType::host::<OutputStream>(),
        "pollable" => ResourceType::host::<Pollable>(),
        "error" => ResourceType::host::<IoError>(),
        "terminal-input" | "terminal-output" => ResourceType::host::<Terminal>(),
        _ => ResourceType::host::<NeverGiven>(),
    }
}

fn give_back(mut store: Store<'_>, _rep: u32) -> Result<()> {
    store.data_mut().wasi.give_handle_back();
    Ok(())
}

fn define(into: &mut LinkerInstance<'_, CallState>, import: &str, interface: &str, name: &str) -> Result<()> {
    match interface {
        "cli/environment" => environment(into, import, name),
        "cli/stdin" | "cli/stdout" | "cli/stderr" => standard_stream(into, import, name),
        "cli/terminal-stdin" | "cli/terminal-stdout" | "cli/terminal-stderr" => terminal(into, import, name),
        "cli/exit" => into.func_new(name, |_, _, _, _| Err(wasmtime::Error::new(NoUse::Exit))),
        "clocks/monotonic-clock" | "clocks/wall-clock" => clock(into, import, interface, name),
        "filesystem/preopens" if name == "get-directories" => {
            into.func_wrap(name, |_: Store<'_>, (): ()| Ok((Vec::<(Resource<NeverGiven>, String)>::new(),)))
        }
        "io/poll" => poll(into, import, name),
        "io/streams" => stream(into, import, name),
        "random/random" | "random/insecure" | "random/insecure-seed" => random(into, import, name),
        _ => no_use(into, import, name),
    }
}

/// Whatever is not answered ends the call, and says what was asked for.
fn no_use(into: &mut LinkerInstance<'_, CallState>, import: &str, name: &str) -> Result<()> {
    let function = format!("{import}#{name}");
    into.func_new(name, move |_, _, _, _| Err(wasmtime::Error::new(NoUse::Function(function.clone()))))
}

fn environment(into: &mut LinkerInstance<'_, CallState>, import: &str, name: &str) -> Result<()> {
    match name {
        "get-environment" => into.func_wrap(name, |_: Store<'_>, (): ()| Ok((Vec::<(String, String)>::new(),))),
        "get-arguments" => into.func_wrap(name, |_: Store<'_>, (): ()| Ok((Vec::<String>::new(),))),
        "initial-cwd" => into.func_wrap(name, |_: Store<'_>, (): ()| Ok((None::<String>,))),
        _ => no_use(into, import, name),
    }
}

fn standard_stream(into: &mut LinkerInstance<'_, CallState>, import: &str, name: &str) -> Result<()> {
    match name {
        "get-stdin" => into.func_wrap(name, |mut store: Store<'_>, (): ()| {
            store.data_mut().wasi.take_handle()?;
            Ok((Resource::<InputStream>::new_own(0),))
        }),
        "get-stdout" | "get-stderr" => {
            let rep = if name == "get-stdout" { STDOUT } else { STDERR };
            into.func_wrap(name, move |mut store: Store<'_>, (): ()| {
                store.data_mut().wasi.take_handle()?;
                Ok((Resource::<OutputStream>::new_own(rep),))
            })
        }
        _ => no_use(into, import, name),
    }
}

/// Nothing is a terminal.
fn terminal(into: &mut LinkerInstance<'_, CallState>, import: &str, name: &str) -> Result<()> {
    match name {
        "get-terminal-stdin" | "get-terminal-stdout" | "get-terminal-stderr" => {
            into.func_wrap(name, |_: Store<'_>, (): ()| Ok((None::<Resource<Terminal>>,)))
        }
        _ => no_use(into, import, name),
    }
}

/// Both clocks stand still. Waiting is no use, because the time that is waited for never comes.
fn clock(into: &mut LinkerInstance<'_, CallState>, import: &str, interface: &str, name: &str) -> Result<()> {
    match (interface, name) {
        ("clocks/wall-clock", "now") => {
            into.func_wrap(name, |_: Store<'_>, (): ()| Ok((DateTime { seconds: NOW_SECONDS, nanoseconds: 0 },)))
        }
        ("clocks/wall-clock", "resolution") => {
            into.func_wrap(name, |_: Store<'_>, (): ()| Ok((DateTime { seconds: 1, nanoseconds: 0 },)))
        }
        ("clocks/monotonic-clock", "now") => into.func_wrap(name, |_: Store<'_>, (): ()| Ok((0_u64,))),
        ("clocks/monotonic-clock", "resolution") => {
            into.func_wrap(name, |_: Store<'_>, (): ()| Ok((1_000_000_000_u64,)))
        }
        _ => no_use(into, import, name),
    }
}

/// Printing never has to wait, so everything that is polled is ready.
fn poll(into: &mut LinkerInstance<'_, CallState>, import: &str, name: &str) -> Result<()> {
    match name {
        "[method]pollable.ready" => into.func_wrap(name, |_: Store<'_>, (_,): (Resource<Pollable>,)| Ok((true,))),
        "[method]pollable.block" => into.func_wrap(name, |_: Store<'_>, (_,): (Resource<Pollable>,)| Ok(())),
        "poll" => into.func_wrap(name, |mut store: Store<'_>, (polled,): (Vec<Resource<Pollable>>,)| {
            pay(&mut store, polled.len() as u64)?;
            let all = (0..).zip(&polled).map(|(index, _)| index).collect::<Vec<u32>>();
            Ok((all,))
        }),
        _ => no_use(into, import, name),
    }
}

/// Input is at its end; output goes to the log, and is always room for.
fn stream(into: &mut LinkerInstance<'_, CallState>, import: &str, name: &str) -> Result<()> {
    type Done = (std::result::Result<(), StreamError>,);
    match name {
        "[method]input-stream.read" | "[method]input-stream.blocking-read" => into
            .func_wrap(name, |_: Store<'_>, (_, _): (Resource<InputStream>, u64)| {
                Ok((Err::<Vec<u8>, _>(StreamError::Closed),))
            }),
        "[method]input-stream.skip" | "[method]input-stream.blocking-skip" => into
            .func_wrap(name, |_: Store<'_>, (_, _): (Resource<InputStream>, u64)| {
                Ok((Err::<u64, _>(StreamError::Closed),))
            }),
        "[method]input-stream.subscribe" => {
            into.func_wrap(name, |store: Store<'_>, (_,): (Resource<InputStream>,)| ready(store))
        }
        "[method]output-stream.subscribe" => {
            into.func_wrap(name, |store: Store<'_>, (_,): (Resource<OutputStream>,)| ready(store))
        }
        "[method]output-stream.check-write" => into.func_wrap(name, |_: Store<'_>, (_,): (Resource<OutputStream>,)| {
            Ok((Ok::<_, StreamError>(u64::from(PRINT_BYTES)),))
        }),
        "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush" => {
            into.func_wrap(name, |store: Store<'_>, (to, bytes): (Resource<OutputStream>, WasmList<u8>)| {
                print(store, &to, &bytes)?;
                Ok::<Done, _>((Ok(()),))
            })
        }
        "[method]output-stream.flush" | "[method]output-stream.blocking-flush" => {
            into.func_wrap(name, |_: Store<'_>, (_,): (Resource<OutputStream>,)| Ok::<Done, _>((Ok(()),)))
        }
        _ => no_use(into, import, name),
    }
}

fn ready(mut store: Store<'_>) -> Result<(Resource<Pollable>,)> {
    store.data_mut().wasi.take_handle()?;
    Ok((Resource::new_own(0),))
}

/// As with the log, what is beyond its limit is not even read.
fn print(mut store: Store<'_>, to: &Resource<OutputStream>, bytes: &WasmList<u8>) -> Result<()> {
    if store.data().log.is_full() {
        return Ok(());
    }
    let output = if to.rep() == STDERR { Output::Stderr } else { Output::Stdout };
    let bytes = bytes.as_le_slice(&store);
    let bytes = bytes[..bytes.len().min(PRINT_BYTES as usize)].to_vec();
    pay(&mut store, bytes.len() as u64)?;
    let state = store.data_mut();
    state.wasi.print(output, &bytes, &mut state.log);
    Ok(())
}

fn random(into: &mut LinkerInstance<'_, CallState>, import: &str, name: &str) -> Result<()> {
    match name {
        "get-random-bytes" | "get-insecure-random-bytes" => {
            into.func_wrap(name, |mut store: Store<'_>, (count,): (u64,)| {
                let count = usize::try_from(count).ok().filter(|count| *count <= RANDOM_BYTES).ok_or(NoUse::Random)?;
                pay(&mut store, count as u64)?;
                let state = &mut store.data_mut().wasi;
                let mut bytes: Vec<u8> = (0..count.div_ceil(8)).flat_map(|_| state.random().to_le_bytes()).collect();
                bytes.truncate(count);
                Ok((bytes,))
            })
        }
        "get-random-u64" | "get-insecure-random-u64" => {
            into.func_wrap(name, |mut store: Store<'_>, (): ()| Ok((store.data_mut().wasi.random(),)))
        }
        "insecure-seed" => into.func_wrap(name, |mut store: Store<'_>, (): ()| {
            let state = &mut store.data_mut().wasi;
            Ok(((state.random(), state.random()),))
        }),
        _ => no_use(into, import, name),
    }
}

/// Fuel for the host's work with so many bytes, which would be no guest's otherwise.
fn pay(store: &mut Store<'_>, bytes: u64) -> Result<()> {
    let left = store.get_fuel()?.checked_sub(bytes).ok_or(Trap::OutOfFuel)?;
    store.set_fuel(left)
}
