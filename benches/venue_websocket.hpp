// The WebSocket side of the venue: the upgrade, orders that come back as they are, and a stream of
// messages. It knows the frames of a client that keeps the rules (RFC 6455), and no socket.
#ifndef VENUEPOOL_BENCH_VENUE_WEBSOCKET_HPP
#define VENUEPOOL_BENCH_VENUE_WEBSOCKET_HPP

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace websocket {

/// A message of the stream is so long; so is an order.
constexpr std::size_t MESSAGE = 200;

/// The answer to a request that asks for the upgrade.
inline std::string switched(std::string_view request) {
    static constexpr std::string_view NAME = "Sec-WebSocket-Key: ";
    std::string key;
    for (std::size_t at = 0; at + NAME.size() + 24 <= request.size(); at++) {
        // Names are written in any case.
        if (strncasecmp(request.data() + at, NAME.data(), NAME.size()) == 0)
            key.assign(request.substr(at + NAME.size(), 24));
    }
    key += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[SHA_DIGEST_LENGTH], text[64];
    SHA1(reinterpret_cast<const unsigned char *>(key.data()), key.size(), digest);
    const int length = EVP_EncodeBlock(text, digest, sizeof digest);
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Accept: " +
           std::string(reinterpret_cast<char *>(text), static_cast<std::size_t>(length)) +
           "\r\n\r\n";
}

/// A whole frame of a client, unmasked where it is.
struct Frame {
    unsigned opcode = 0;
    char *payload = nullptr;
    std::size_t size = 0;
    std::size_t taken = 0;  // bytes of the frame; 0: it is not whole
};

inline Frame unmasked(char *bytes, std::size_t have) {
    Frame frame;
    if (have < 2) return frame;
    auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    std::size_t head = 2;
    frame.size = at(1) & 0x7f;
    if (frame.size == 126) {
        if (have < 4) return frame;
        frame.size = static_cast<std::size_t>(at(2) << 8 | at(3));
        head = 4;
    } else if (frame.size == 127) {
        std::abort();  // Nothing of the comparison is so long.
    }
    if (have < head + 4 + frame.size) return frame;
    frame.opcode = at(0) & 0x0f;
    frame.payload = bytes + head + 4;
    for (std::size_t i = 0; i < frame.size; i++)
        frame.payload[i] = static_cast<char>(frame.payload[i] ^ bytes[head + i % 4]);
    frame.taken = head + 4 + frame.size;
    return frame;
}

/// The same as a frame of a server. Its header has room in front: a client's is longer.
inline std::string_view echoed(const Frame &frame) {
    const std::size_t head = frame.size < 126 ? 2 : 4;
    char *out = frame.payload - head;
    out[0] = static_cast<char>(0x80 | frame.opcode);
    out[1] = static_cast<char>(frame.size < 126 ? frame.size : 126);
    if (head == 4) {
        out[2] = static_cast<char>(frame.size >> 8);
        out[3] = static_cast<char>(frame.size & 0xff);
    }
    return {out, head + frame.size};
}

/// Messages of a stream, as they are on the wire, one behind the other.
inline std::string stream_of(std::size_t count) {
    std::string message = R"({"stream":"trades","symbol":"BTCUSDT","price":"65000.00","pad":")";
    message.resize(MESSAGE - 2, 'x');
    message += "\"}";
    std::string frames;
    for (std::size_t i = 0; i < count; i++) {
        frames += {'\x81', '\x7e', '\0', static_cast<char>(MESSAGE)};
        frames += message;
    }
    return frames;
}

}  // namespace websocket

#endif
