//! What a component needs of an engine, read without validating or compiling it.

use wasmparser::{BinaryReaderError, Instance, Parser, Payload};

use crate::component::{ComponentError, check_header};

/// What a component imports and of how many parts it is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// Names of what it imports, in their order.
    pub imports: Vec<String>,
    /// Core modules that it instantiates, those of nested components included.
    pub core_instances: u32,
    /// Memories that its core modules make.
    pub memories: u32,
    /// Tables that its core modules make.
    pub tables: u32,
}

/// Reads the outline. Nested components and modules count once, as they do in what tools write.
pub fn outline(component: &[u8]) -> Result<Outline, ComponentError> {
    check_header(component)?;
    read(component).map_err(|error| ComponentError::Invalid { reason: error.to_string() })
}

fn read(component: &[u8]) -> Result<Outline, BinaryReaderError> {
    let mut outline = Outline::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            // The parser steps into nested modules and components right after announcing them.
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    outline.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    // The others only give names to what is there.
                    let instantiates = matches!(instance?, Instance::Instantiate { .. });
                    outline.core_instances = outline.core_instances.saturating_add(u32::from(instantiates));
                }
            }
            Payload::MemorySection(section) => outline.memories = outline.memories.saturating_add(section.count()),
            Payload::TableSection(section) => outline.tables = outline.tables.saturating_add(section.count()),
            _ => {}
        }
    }
    Ok(outline)
}
