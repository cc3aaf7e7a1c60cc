"""What the component exports. The bindings that it needs exist only while it is built."""

from guanjia_plugin_sdk.component import export_fee_policy
from rules import OfferFee

FeePolicy = export_fee_policy(OfferFee())
