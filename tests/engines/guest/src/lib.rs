//! The area fee as a plug-in of Extism: the very same rule, which gets and gives its values as JSON or as MessagePack.

use extism_pdk::{FromBytesOwned, Json, Msgpack, ToMemory};
use guanjia_plugin_sdk::FeeGuest;
use guanjia_values::{FeeAnswer, FeeBatch};

#[allow(dead_code, reason = "what the contract's export of the rule uses")]
#[path = "../../../../plugins/area-fee/src/rules.rs"]
mod rules;

/// Settings and batch.
type Asked = (String, FeeBatch);

/// As Extism's own macro exports it, whose attribute this edition calls unsafe: 0 is an answer, all else an error.
#[unsafe(no_mangle)]
pub extern "C" fn evaluate_json() -> i32 {
    evaluate::<Json<Asked>, Json<FeeAnswer>>(|Json(asked)| asked, Json)
}

#[unsafe(no_mangle)]
pub extern "C" fn evaluate_msgpack() -> i32 {
    evaluate::<Msgpack<Asked>, Msgpack<FeeAnswer>>(|Msgpack(asked)| asked, Msgpack)
}

/// Goes on until somebody stops it.
#[unsafe(no_mangle)]
pub extern "C" fn endless() -> i32 {
    loop {
        std::hint::black_box(());
    }
}

fn evaluate<I: FromBytesOwned, O: ToMemory>(read: fn(I) -> Asked, write: fn(FeeAnswer) -> O) -> i32 {
    let Ok((settings, batch)) = extism_pdk::input::<I>().map(read) else { return 1 };
    let Ok(answer) = rules::AreaFee::evaluate(&settings, &batch) else { return 2 };
    i32::from(extism_pdk::output(write(answer)).is_err())
}
