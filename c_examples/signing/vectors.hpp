// The published test vectors that a signer must reproduce before it signs an order.
#ifndef VECTORS_HPP
#define VECTORS_HPP

#include "signer.hpp"

namespace signing {

/// Reads hexadecimal digits.
inline std::string unhex(std::string_view digits) {
    const auto value = [](char digit) {
        return digit <= '9' ? digit - '0' : digit - 'a' + 10;
    };
    std::string out;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
        out.push_back(static_cast<char>(value(digits[i]) * 16 + value(digits[i + 1])));
    }
    return out;
}

/// RFC 4231, test cases 1, 2, 3, 6 and 7: short and long keys, short and long messages.
template <typename Hmac>
bool is_hmac_sha256() {
    const auto is = [](std::string_view key, std::string_view message, std::string_view mac) {
        return hex(Hmac(key).sign(message)) == mac;
    };
    const std::string long_key(131, '\xaa');
    return is(std::string(20, '\x0b'), "Hi There",
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7") &&
           is("Jefe", "what do ya want for nothing?",
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843") &&
           is(std::string(20, '\xaa'), std::string(50, '\xdd'),
              "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe") &&
           is(long_key, "Test Using Larger Than Block-Size Key - Hash Key First",
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54") &&
           is(long_key,
              "This is a test using a larger than block-size key and a larger than block-size "
              "data. The key needs to be hashed before being used by the HMAC algorithm.",
              "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

/// RFC 8032 section 7.1, test 1: the key pair that the example's venue knows, too.
constexpr std::string_view seed_of_test_1 =
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

/// RFC 8032 section 7.1, tests 1, 2 and 3.
template <typename Ed25519>
bool is_ed25519() {
    const auto is = [](std::string_view seed, std::string_view public_key,
                       std::string_view message, std::string_view signature) {
        const Ed25519 key(unhex(seed));
        return hex(key.public_key()) == public_key &&
               hex(key.sign(unhex(message))) == signature;
    };
    return is(seed_of_test_1, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
              "",
              "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
              "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b") &&
           is("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
              "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
              "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
              "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00") &&
           is("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
              "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
              "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
              "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a");
}

}  // namespace signing

#endif  // VECTORS_HPP
