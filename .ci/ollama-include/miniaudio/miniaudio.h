// The part of miniaudio's interface that Ollama's sources name. The module of
// Ollama is published without the header itself. Nothing is implemented: every
// decoder reports an error at once, and a request without sound reaches none.
#ifndef GOSELFRAG_MINIAUDIO_H
#define GOSELFRAG_MINIAUDIO_H

#include <cstddef>
#include <cstdint>

using ma_uint64 = std::uint64_t;

enum ma_result : int { MA_SUCCESS = 0, MA_NOT_IMPLEMENTED = -29 };
enum ma_format : int { ma_format_f32 = 5 };

struct ma_decoder_config {};
struct ma_decoder {};

static inline ma_decoder_config ma_decoder_config_init(ma_format, std::uint32_t /*channels*/, std::uint32_t /*rate*/) {
    return ma_decoder_config{};
}

static inline ma_result ma_decoder_init_memory(const void *, std::size_t, const ma_decoder_config *, ma_decoder *) {
    return MA_NOT_IMPLEMENTED;
}

static inline ma_result ma_decoder_get_length_in_pcm_frames(ma_decoder *, ma_uint64 * frames) {
    *frames = 0;
    return MA_NOT_IMPLEMENTED;
}

static inline ma_result ma_decoder_read_pcm_frames(ma_decoder *, void *, ma_uint64, ma_uint64 * read) {
    *read = 0;
    return MA_NOT_IMPLEMENTED;
}

static inline ma_result ma_decoder_uninit(ma_decoder *) {
    return MA_SUCCESS;
}

#endif
