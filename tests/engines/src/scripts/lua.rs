//! Lua 5.4 through mlua, whose integers have 64 bits.

use std::cell::Cell;
use std::rc::Rc;

use guanjia_domain::values::{FeeAnswer, Numbers};
use mlua::{Function, HookTriggers, Lua, LuaOptions, StdLib, Table, VmState};

use super::{COLUMNS, Tariff, answer};

const SOURCE: &str = r#"
local function trimmed(value, scale)
    while scale > 2 and value % 10 == 0 do
        value, scale = value // 10, scale - 1
    end
    return value, scale
end

local function power(n)
    local value = 1
    for _ = 1, n do value = value * 10 end
    return value
end

function evaluate(price, price_scale, surcharge, surcharge_scale, area_scale, areas)
    local amount, row, kind, value, value_scale, arg_count, arg, arg_scale = {}, {}, {}, {}, {}, {}, {}, {}
    local steps, args = 0, 0
    local function step(line, of_kind, number, scale, count)
        steps = steps + 1
        row[steps], kind[steps], arg_count[steps] = line, of_kind, count
        value[steps], value_scale[steps] = number, scale
    end
    local function with(number, scale)
        args = args + 1
        arg[args], arg_scale[args] = number, scale
    end
    local scale = area_scale + price_scale
    local added, unit = surcharge * power(scale - surcharge_scale), power(scale - 2)
    for line = 1, #areas do
        local area = areas[line]
        local exact = area * price
        local before, places = trimmed(exact, scale)
        step(line - 1, 0, before, places, 2)
        with(area, area_scale)
        with(price, price_scale)
        if surcharge ~= 0 then
            exact = exact + added
            local total, total_places = trimmed(exact, scale)
            step(line - 1, 1, total, total_places, 2)
            with(before, places)
            with(surcharge, surcharge_scale)
            before, places = total, total_places
        end
        local minor = (exact + unit // 2) // unit
        if minor * unit ~= exact then
            step(line - 1, 4, minor, 2, 1)
            with(before, places)
        end
        amount[line] = minor
    end
    return { amount = amount, row = row, kind = kind, value = value, value_scale = value_scale,
             arg_count = arg_count, arg = arg, arg_scale = arg_scale }
end

function endless() while true do end end
"#;

/// The hook looks every so many instructions, and ends a call after so many looks.
const INSTRUCTIONS: u32 = 10_000;
const LOOKS: u32 = 10_000;

pub struct Engine {
    lua: Lua,
    evaluate: Function,
    looks: Rc<Cell<u32>>,
}

impl Engine {
    pub fn new() -> Self {
        let lua = Lua::new_with(StdLib::NONE, LuaOptions::default()).unwrap();
        lua.load(SOURCE).exec().unwrap();
        let evaluate = lua.globals().get("evaluate").unwrap();
        let looks = Rc::new(Cell::new(0));
        let counted = looks.clone();
        let hook = move |_: &Lua, _: &mlua::Debug| {
            counted.set(counted.get() + 1);
            if counted.get() > LOOKS { Err(mlua::Error::runtime("too long")) } else { Ok(VmState::Continue) }
        };
        lua.set_hook(HookTriggers::new().every_nth_instruction(INSTRUCTIONS), hook).unwrap();
        Self { lua, evaluate, looks }
    }

    pub fn evaluate(&self, tariff: Tariff, areas: &Numbers) -> FeeAnswer {
        self.looks.set(0);
        let [price, price_scale, surcharge, surcharge_scale, area_scale] = tariff.numbers(areas);
        let list = self.lua.create_sequence_from(areas.mantissas.iter().copied()).unwrap();
        let result: Table =
            self.evaluate.call((price, price_scale, surcharge, surcharge_scale, area_scale, list)).unwrap();
        answer(tariff, areas, COLUMNS.map(|name| result.get(name).unwrap()))
    }

    /// Whether an endless loop ends.
    pub fn stops(&self) -> bool {
        self.looks.set(0);
        let endless: Function = self.lua.globals().get("endless").unwrap();
        endless.call::<()>(()).is_err()
    }
}
