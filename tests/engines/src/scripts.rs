//! The area fee in three scripting languages. Each gets the areas and the settings as numbers and gives its columns back;
//! what is the same for every line is filled in by the host.

use guanjia_domain::values::{Amounts, Decimal, FeeAnswer, FeeLines, Numbers, Rounding, Steps, Verdict};

pub mod lua;
pub mod quickjs;
pub mod rhai;

/// What the rule is told besides the areas.
#[derive(Debug, Clone, Copy)]
pub struct Tariff {
    pub price: Decimal,
    pub surcharge: Decimal,
}

impl Tariff {
    /// Price, its places, surcharge, its places, places of the areas.
    pub fn numbers(self, areas: &Numbers) -> [i64; 5] {
        let places = |scale: u8| i64::from(scale);
        let Self { price, surcharge } = self;
        [price.mantissa, places(price.scale), surcharge.mantissa, places(surcharge.scale), places(areas.scale)]
    }
}

/// Names of the columns that a script gives, in their order.
pub const COLUMNS: [&str; 8] = ["amount", "row", "kind", "value", "value_scale", "arg_count", "arg", "arg_scale"];

/// An answer from the columns of a script.
pub fn answer(tariff: Tariff, areas: &Numbers, columns: [Vec<i64>; 8]) -> FeeAnswer {
    let [amount, row, kind, value, value_scale, arg_count, arg, arg_scale] = columns;
    let lines = areas.mantissas.len();
    FeeAnswer {
        verdicts: vec![Verdict::Decided; lines],
        problems: Vec::new(),
        lines: FeeLines {
            segment: (0..).take(lines).collect(),
            measure: vec![0; lines],
            quantity: areas.mantissas.clone(),
            quantity_scale: vec![areas.scale; lines],
            unit_price: vec![tariff.price.mantissa; lines],
            unit_price_scale: vec![tariff.price.scale; lines],
            rounding: vec![Rounding::HalfUp; lines],
            amounts: Amounts::Money(amount),
        },
        steps: Steps {
            row: narrow(&row),
            kind: narrow(&kind),
            value,
            value_scale: narrow(&value_scale),
            arg_count: narrow(&arg_count),
            arg,
            arg_scale: narrow(&arg_scale),
        },
    }
}

fn narrow<T: TryFrom<i64>>(column: &[i64]) -> Vec<T> {
    let number = |value: &i64| T::try_from(*value).unwrap_or_else(|_| panic!("{value} is too large for its column"));
    column.iter().map(number).collect()
}
