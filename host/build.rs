//! Builds the standard plug-ins for wasm and writes down what came out, so that the host carries them inside itself.

use std::{env, fmt::Write as _, fs, path::PathBuf};

/// Every plug-in crate under `plugins/` that the host installs.
const STANDARD: &[&str] =
    &["area-fee", "daily-late-fee", "fixed-fee", "metered-fee", "parking-fee", "shared-cost-fee", "ticket-routing"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let host = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let workspace = host.parent().ok_or("the host lies in the workspace")?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for path in guanjia_packaging::watched_paths(workspace, STANDARD)? {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let built = guanjia_packaging::build_plugins(workspace, STANDARD, &guests_target(&out), "guest")?;
    let mut source = String::from("pub const STANDARD_PLUGINS: &[StandardPlugin] = &[\n");
    for plugin in &built {
        let digest = guanjia_packaging::inspect(&fs::read(&plugin.path)?)?.digest;
        writeln!(
            source,
            "    StandardPlugin {{ id: {:?}, digest: {digest:?}, component: include_bytes!({:?}) }},",
            plugin.id, plugin.path
        )?;
    }
    source.push_str("];\n");
    fs::write(out.join("standard_plugins.rs"), source)?;
    Ok(())
}

/// The nested build has a target folder of its own, beside this one's profiles, so that debug and release builds of the
/// host share it and the two cargos never wait for each other's lock.
fn guests_target(out: &std::path::Path) -> PathBuf {
    out.ancestors()
        .find(|folder| folder.file_name().is_some_and(|name| name == "build"))
        .and_then(|build| build.parent()?.parent())
        .map_or_else(|| out.join("guests"), |target| target.join("guests"))
}
