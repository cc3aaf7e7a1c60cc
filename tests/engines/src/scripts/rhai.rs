//! Rhai, whose integers have 64 bits and whose operations are counted.

use guanjia_domain::values::{FeeAnswer, Numbers};
use rhai::{AST, Array, Dynamic, Map, Scope};

use super::{COLUMNS, Tariff, answer};

const SOURCE: &str = r#"
fn power(n) {
    let value = 1;
    for _i in 0..n { value *= 10; }
    value
}

fn evaluate(price, price_scale, surcharge, surcharge_scale, area_scale, areas) {
    let amount = []; let row = []; let kind = []; let value = []; let value_scale = [];
    let arg_count = []; let arg = []; let arg_scale = [];
    let scale = area_scale + price_scale;
    let added = surcharge * power(scale - surcharge_scale);
    let unit = power(scale - 2);
    let line = 0;
    for area in areas {
        let exact = area * price;
        let before = exact;
        let places = scale;
        while places > 2 && before % 10 == 0 { before /= 10; places -= 1; }
        row.push(line); kind.push(0); value.push(before); value_scale.push(places); arg_count.push(2);
        arg.push(area); arg_scale.push(area_scale); arg.push(price); arg_scale.push(price_scale);
        if surcharge != 0 {
            exact += added;
            let total = exact;
            let total_places = scale;
            while total_places > 2 && total % 10 == 0 { total /= 10; total_places -= 1; }
            row.push(line); kind.push(1); value.push(total); value_scale.push(total_places); arg_count.push(2);
            arg.push(before); arg_scale.push(places); arg.push(surcharge); arg_scale.push(surcharge_scale);
            before = total;
            places = total_places;
        }
        let minor = (exact + unit / 2) / unit;
        if minor * unit != exact {
            row.push(line); kind.push(4); value.push(minor); value_scale.push(2); arg_count.push(1);
            arg.push(before); arg_scale.push(places);
        }
        amount.push(minor);
        line += 1;
    }
    #{ amount: amount, row: row, kind: kind, value: value, value_scale: value_scale,
       arg_count: arg_count, arg: arg, arg_scale: arg_scale }
}

fn endless() { loop {} }
"#;

/// Operations of a call: some hundreds a subject are used.
const OPERATIONS: u64 = 20_000_000;

pub struct Engine {
    engine: rhai::Engine,
    ast: AST,
}

impl Engine {
    pub fn new() -> Self {
        let mut engine = rhai::Engine::new();
        engine.set_max_operations(OPERATIONS);
        let ast = engine.compile(SOURCE).unwrap();
        Self { engine, ast }
    }

    pub fn evaluate(&self, tariff: Tariff, areas: &Numbers) -> FeeAnswer {
        let [price, price_scale, surcharge, surcharge_scale, area_scale] = tariff.numbers(areas);
        let list: Array = areas.mantissas.iter().copied().map(Dynamic::from_int).collect();
        let arguments = (price, price_scale, surcharge, surcharge_scale, area_scale, list);
        let mut result: Map = self.engine.call_fn(&mut Scope::new(), &self.ast, "evaluate", arguments).unwrap();
        let columns = COLUMNS.map(|name| result.remove(name).unwrap().into_typed_array::<i64>().unwrap());
        answer(tariff, areas, columns)
    }

    /// Whether an endless loop ends.
    pub fn stops(&self) -> bool {
        self.engine.call_fn::<()>(&mut Scope::new(), &self.ast, "endless", ()).is_err()
    }
}
