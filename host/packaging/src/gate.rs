//! How much a component may hold, counted before anything validates or compiles it.
//!
//! Counting reads a file once, front to back, and keeps nothing; validating and compiling build tables of everything that
//! a file declares. A file of a few megabytes can declare far more than any rule needs, so what is out of proportion is
//! refused while it is still cheap. The figures leave room for components that carry an interpreter.

use std::fmt;

use wasmparser::{
    BinaryReader, ComponentDefinedType, ComponentImport, ComponentType, FunctionBody, InstanceTypeDeclaration, Parser,
    Payload,
};

use crate::component::ComponentError;

/// Components within components: a composed one has two levels, generated ones three.
pub const NESTING_MAX: usize = 8;
/// Core modules, in all levels together: a Rust guest has three, one with an adapter for WASI five.
pub const MODULES_MAX: usize = 64;
/// Nested components, in all levels together.
pub const COMPONENTS_MAX: usize = 64;
/// Functions of all modules. CPython has about 20,000, SpiderMonkey 30,000.
pub const FUNCTIONS_MAX: usize = 80_000;
/// Code of one function, in bytes. Time and memory of the compiler grow faster than the length of a function; the main
/// loop of an interpreter takes 100 to 300 kB.
pub const FUNCTION_BYTES_MAX: usize = 1 << 20;
/// Local variables of one function. Unoptimised code has some thousands.
pub const LOCALS_MAX: u32 = 20_000;
/// Types of modules and components. A rule has under a hundred, an interpreter under two thousand.
pub const TYPES_MAX: usize = 20_000;
/// Members of one type of a component: cases, fields, exports of an instance.
pub const TYPE_MEMBERS_MAX: usize = 2_000;
/// Types within types of a component: an interface within the type of a component within another is three.
pub const TYPE_NESTING_MAX: usize = 32;
/// Imports and exports of all modules and components.
pub const NAMES_MAX: usize = 20_000;
/// Length of the name of an import or an export, in bytes: the longest of the contract has 60.
pub const NAME_BYTES_MAX: usize = 1_000;
/// Globals of all modules.
pub const GLOBALS_MAX: usize = 20_000;
/// Tables and memories of all modules: what is more than the sandbox gives is refused when it is linked.
pub const TABLES_MAX: usize = 256;
/// Segments of data and of table elements, of all modules.
pub const SEGMENTS_MAX: usize = 50_000;
/// Instances, aliases and canonical functions of all components: they are interpreted one by one when a component starts.
pub const LINKS_MAX: usize = 20_000;
/// Custom sections: names, producers, the manifest.
pub const CUSTOM_SECTIONS_MAX: usize = 1_000;

/// What a component has more of than is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excess {
    pub what: &'static str,
    pub count: usize,
    pub allowed: usize,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}; {} are allowed", self.count, self.what, self.allowed)
    }
}

/// Counts what a component declares.
///
/// # Errors
/// [`ComponentError::Excess`] for what is out of proportion, [`ComponentError::Invalid`] for what cannot be read. That
/// a component passes says nothing about whether it is valid.
pub fn check(component: &[u8]) -> Result<(), ComponentError> {
    let mut counts = Counts { file: component, ..Counts::default() };
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(unreadable)?;
        match counts.add(payload) {
            Ok(()) => {}
            Err(Stop::Excess(excess)) => return Err(ComponentError::Excess(excess)),
            Err(Stop::Unreadable(error)) => return Err(unreadable(error)),
        }
    }
    Ok(())
}

#[allow(clippy::needless_pass_by_value, reason = "`map_err` gives it away")]
fn unreadable(error: wasmparser::BinaryReaderError) -> ComponentError {
    ComponentError::Invalid { reason: error.to_string() }
}

enum Stop {
    Excess(Excess),
    Unreadable(wasmparser::BinaryReaderError),
}

impl From<wasmparser::BinaryReaderError> for Stop {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Unreadable(error)
    }
}

#[derive(Default)]
struct Counts<'a> {
    file: &'a [u8],
    nesting: usize,
    modules: usize,
    components: usize,
    functions: usize,
    types: usize,
    names: usize,
    globals: usize,
    tables: usize,
    segments: usize,
    links: usize,
    custom_sections: usize,
}

/// Adds to a count that may not pass its limit.
fn add(count: &mut usize, more: u32, what: &'static str, allowed: usize) -> Result<(), Stop> {
    *count = count.saturating_add(more as usize);
    at_most(*count, what, allowed)
}

fn at_most(count: usize, what: &'static str, allowed: usize) -> Result<(), Stop> {
    if count <= allowed { Ok(()) } else { Err(Stop::Excess(Excess { what, count, allowed })) }
}

fn name(name: &str) -> Result<(), Stop> {
    at_most(name.len(), "bytes in the name of an import or export", NAME_BYTES_MAX)
}

impl Counts<'_> {
    fn add(&mut self, payload: Payload<'_>) -> Result<(), Stop> {
        match payload {
            Payload::ModuleSection { .. } => {
                self.enter()?;
                add(&mut self.modules, 1, "core modules", MODULES_MAX)
            }
            Payload::ComponentSection { .. } => {
                self.enter()?;
                add(&mut self.components, 1, "nested components", COMPONENTS_MAX)
            }
            Payload::End(_) => {
                self.nesting = self.nesting.saturating_sub(1);
                Ok(())
            }
            Payload::CustomSection(_) => add(&mut self.custom_sections, 1, "custom sections", CUSTOM_SECTIONS_MAX),
            Payload::CodeSectionEntry(body) => function(&body),
            other => self.add_section(other),
        }
    }

    fn enter(&mut self) -> Result<(), Stop> {
        add(&mut self.nesting, 1, "levels of nesting", NESTING_MAX)
    }

    /// Sections that say how many entries they have. The number is the file's own word, and is compared before an entry is
    /// read.
    fn add_section(&mut self, payload: Payload<'_>) -> Result<(), Stop> {
        match payload {
            Payload::TypeSection(section) => self.add_types(section.count()),
            Payload::CoreTypeSection(section) => self.add_types(section.count()),
            Payload::ComponentTypeSection(section) => {
                self.add_types(section.count())?;
                nested_types(&self.file[section.range()])
            }
            Payload::FunctionSection(section) => add(&mut self.functions, section.count(), "functions", FUNCTIONS_MAX),
            Payload::GlobalSection(section) => add(&mut self.globals, section.count(), "globals", GLOBALS_MAX),
            Payload::TableSection(section) => self.add_tables(section.count()),
            Payload::MemorySection(section) => self.add_tables(section.count()),
            Payload::ElementSection(section) => self.add_segments(section.count()),
            Payload::DataSection(section) => self.add_segments(section.count()),
            Payload::InstanceSection(section) => self.add_links(section.count()),
            Payload::ComponentInstanceSection(section) => self.add_links(section.count()),
            Payload::ComponentAliasSection(section) => self.add_links(section.count()),
            Payload::ComponentCanonicalSection(section) => self.add_links(section.count()),
            other => self.add_named(other),
        }
    }

    fn add_named(&mut self, payload: Payload<'_>) -> Result<(), Stop> {
        match payload {
            Payload::ImportSection(section) => {
                self.add_names(section.count())?;
                section.into_imports().try_for_each(|import| {
                    let import = import?;
                    name(import.module)?;
                    name(import.name)
                })
            }
            Payload::ExportSection(section) => {
                self.add_names(section.count())?;
                section.into_iter().try_for_each(|export| name(export?.name))
            }
            Payload::ComponentImportSection(section) => {
                self.add_names(section.count())?;
                section.into_iter().try_for_each(|import| name(import?.name.name))
            }
            Payload::ComponentExportSection(section) => {
                self.add_names(section.count())?;
                section.into_iter().try_for_each(|export| name(export?.name.name))
            }
            _ => Ok(()),
        }
    }

    fn add_types(&mut self, count: u32) -> Result<(), Stop> {
        add(&mut self.types, count, "types", TYPES_MAX)
    }

    fn add_names(&mut self, count: u32) -> Result<(), Stop> {
        add(&mut self.names, count, "imports and exports", NAMES_MAX)
    }

    fn add_tables(&mut self, count: u32) -> Result<(), Stop> {
        add(&mut self.tables, count, "tables and memories", TABLES_MAX)
    }

    fn add_segments(&mut self, count: u32) -> Result<(), Stop> {
        add(&mut self.segments, count, "segments of data and elements", SEGMENTS_MAX)
    }

    fn add_links(&mut self, count: u32) -> Result<(), Stop> {
        add(&mut self.links, count, "instances, aliases and canonical functions", LINKS_MAX)
    }
}

fn function(body: &FunctionBody<'_>) -> Result<(), Stop> {
    at_most(body.range().len(), "bytes of code in one function", FUNCTION_BYTES_MAX)?;
    let mut locals = 0_u32;
    for group in body.get_locals_reader()? {
        let (count, _) = group?;
        locals = locals.saturating_add(count);
    }
    at_most(locals as usize, "local variables in one function", LOCALS_MAX as usize)
}

/// Reads the types of a component with a stack of its own. The parser reads a type within a type by calling itself, and a
/// file of types within types would end the host by its stack; so this goes first.
fn nested_types(section: &[u8]) -> Result<(), Stop> {
    let mut reader = BinaryReader::new(section, 0);
    let mut open = vec![Level { left: reader.read_var_u32()?, declarations: false, imports: false }];
    while let Some(level) = open.last_mut() {
        if level.left == 0 {
            open.pop();
            continue;
        }
        level.left -= 1;
        if level.declarations && !starts_type(&mut reader, level.imports)? {
            continue;
        }
        match reader.clone().read_u8()? {
            kind @ (COMPONENT_TYPE | INSTANCE_TYPE) => {
                reader.read_u8()?;
                let left = reader.read_var_u32()?;
                at_most(left as usize, "members of one type", TYPE_MEMBERS_MAX)?;
                open.push(Level { left, declarations: true, imports: kind == COMPONENT_TYPE });
                at_most(open.len(), "levels of nested types", TYPE_NESTING_MAX)?;
            }
            _ => members(&reader.read::<ComponentType<'_>>()?)?,
        }
    }
    Ok(())
}

/// First byte of the type of a component, and of an instance.
const COMPONENT_TYPE: u8 = 0x41;
const INSTANCE_TYPE: u8 = 0x42;
/// First byte of a declaration that is a type, and of one that is an import.
const TYPE_DECLARATION: u8 = 0x01;
const IMPORT_DECLARATION: u8 = 0x03;

/// A list that is being read.
struct Level {
    left: u32,
    /// Entries are declarations, of which types are one kind; the outermost list has types alone.
    declarations: bool,
    imports: bool,
}

/// Steps over a declaration; one that is a type only up to the type itself.
fn starts_type(reader: &mut BinaryReader<'_>, imports: bool) -> Result<bool, Stop> {
    match reader.clone().read_u8()? {
        TYPE_DECLARATION => {
            reader.read_u8()?;
            return Ok(true);
        }
        IMPORT_DECLARATION if imports => {
            reader.read_u8()?;
            reader.read::<ComponentImport<'_>>()?;
        }
        _ => drop(reader.read::<InstanceTypeDeclaration<'_>>()?),
    }
    Ok(false)
}

fn members(declared: &ComponentType<'_>) -> Result<(), Stop> {
    let ComponentType::Defined(defined) = declared else {
        return Ok(());
    };
    let count = match defined {
        ComponentDefinedType::Record(fields) => fields.len(),
        ComponentDefinedType::Variant(cases) => cases.len(),
        ComponentDefinedType::Tuple(types) => types.len(),
        ComponentDefinedType::Flags(names) | ComponentDefinedType::Enum(names) => names.len(),
        _ => 0,
    };
    at_most(count, "members of one type", TYPE_MEMBERS_MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A component whose one section has these bytes.
    fn with_section(id: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        bytes.push(id);
        bytes.extend_from_slice(&leb128(body.len()));
        bytes.extend_from_slice(body);
        bytes
    }

    fn leb128(mut value: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value > 0x7f {
            bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
            value >>= 7;
        }
        bytes.push(u8::try_from(value).unwrap());
        bytes
    }

    const TYPE_SECTION: u8 = 7;

    /// So many instance types, one in the other; the innermost has no members.
    fn types_in_types(levels: usize) -> Vec<u8> {
        let mut body = vec![1];
        for level in 1..=levels {
            body.push(INSTANCE_TYPE);
            body.push(u8::from(level < levels));
            body.extend((level < levels).then_some(TYPE_DECLARATION));
        }
        with_section(TYPE_SECTION, &body)
    }

    #[test]
    fn types_may_nest_up_to_a_depth() {
        check(&types_in_types(TYPE_NESTING_MAX - 1)).unwrap();
        for levels in [TYPE_NESTING_MAX, 1_000_000] {
            let error = check(&types_in_types(levels)).unwrap_err().to_string();
            assert!(error.contains("levels of nested types"), "{error}");
        }
    }

    #[test]
    fn a_count_is_compared_before_entries_are_read() {
        let mut body = leb128(1_000_000);
        let error = check(&with_section(TYPE_SECTION, &body)).unwrap_err().to_string();
        assert_eq!(error, "the component is out of proportion: 1000000 types; 20000 are allowed");
        body = leb128(3);
        assert!(matches!(check(&with_section(TYPE_SECTION, &body)), Err(ComponentError::Invalid { .. })));
    }

    #[test]
    fn nested_components_are_counted() {
        let mut component = b"\0asm\x0d\0\x01\0".to_vec();
        for _ in 0..NESTING_MAX {
            component = with_section(4, &component);
        }
        check(&component).unwrap();
        let error = check(&with_section(4, &component)).unwrap_err().to_string();
        assert!(error.contains("9 levels of nesting"), "{error}");
    }
}
