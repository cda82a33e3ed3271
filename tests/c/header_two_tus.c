/* The header can be included twice, and by two units, one of them C++, that then agree. */
#include "venuepool.h"
#include "venuepool.h"

#include "check.h"

size_t completion_size_in_cpp(void);
int32_t last_status_in_cpp(void);

int main(void) {
    CHECK_EQ(completion_size_in_cpp(), sizeof(vp_completion));
    CHECK_EQ(last_status_in_cpp(), VP_ERR_INTERNAL);
    return 0;
}
