// Money is counted in cents: 0.1 + 0.2 is 0.3 here.
const cents = (amount) => Math.round(amount * 100)

function priceOf(product, quantity) {
    const tiers = JSON.parse(product.getString("tiers") || "null") || []
    let price = product.getFloat("price")
    for (const tier of tiers) {
        if (quantity >= tier.from) {
            price = Math.min(price, tier.price)
        }
    }
    return cents(price)
}

function discountOf(app, code, subtotal) {
    if (!code) {
        return 0
    }
    const coupon = app.findFirstRecordByFilter("coupons", "code = {:code} && (expires = '' || expires > @now)", { code })
    const left = coupon.getInt("left")
    if (left === 0) {
        throw new BadRequestError("The coupon is used up", { coupon: new ValidationError("coupon_used_up", "Used up.") })
    }
    if (left > 0) {
        coupon.set("left-", 1)
        app.saveNoValidate(coupon)
    }
    const off = coupon.getInt("percent") > 0
        ? Math.round((subtotal * coupon.getInt("percent")) / 100)
        : cents(coupon.getFloat("amount"))
    return Math.min(off, subtotal)
}

module.exports = { cents, priceOf, discountOf, amount: (n) => n / 100 }
