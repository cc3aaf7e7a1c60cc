//! Builds guests of the checkout in the current folder and says what came out:
//! `cargo run -p guanjia-packaging --example build_guests -- area-fee fixed-fee`.

use guanjia_packaging::{build, build_plugins, inspect};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let root = std::env::current_dir()?;
    for plugin in build_plugins(&root, &names, &root.join("target/guests"), build::PROFILE)? {
        let info = inspect(&std::fs::read(&plugin.path)?)?;
        println!("{}\n  {info:#?}", plugin.path.display());
    }
    Ok(())
}
