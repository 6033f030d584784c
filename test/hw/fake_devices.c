/* Fakes what files cannot: the ioctls of a V4L2 camera and of an I2C bus, for LD_PRELOAD.

   Whoever opens $FAKE_CAMERA has a camera that sends $FAKE_JPEG, over and over; while that file is
   away the camera is unplugged. What was asked of it is written to $FAKE_CAMERA_LOG. Every file
   can be an I2C bus. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/i2c-dev.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { BUFFERS = 4, BYTES = 1 << 20 };

static int camera = -1; /* a file in memory that holds the buffers */
static unsigned rate = 30, buffers = BUFFERS, filled = 0;
static struct v4l2_pix_format format;
static const long AGE = 20000000; /* ns between capture and delivery */

static int (*real_open)(const char *, int, ...), (*real_ioctl)(int, unsigned long, ...);
static int (*real_close)(int);

/* Not when they are called: a thread that loads a library may hold the lock that dlsym takes. */
__attribute__((constructor)) static void find_real(void) {
    real_open = dlsym(RTLD_NEXT, "open64");
    real_ioctl = dlsym(RTLD_NEXT, "ioctl");
    real_close = dlsym(RTLD_NEXT, "close");
}

static long fill_buffer(void) {
    FILE *file = fopen(getenv("FAKE_JPEG"), "rb");
    if (!file) return -1;
    static char data[BYTES];
    long size = fread(data, 1, BYTES, file);
    fclose(file);
    return pwrite(camera, data, size, (off_t)filled * BYTES);
}

static int dequeue(struct v4l2_buffer *buffer) {
    struct timespec period = {0, 1000000000L / rate}, now;
    nanosleep(&period, NULL);
    long size = fill_buffer();
    if (size < 0) return errno = ENODEV, -1;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long captured = now.tv_sec * 1000000000L + now.tv_nsec - AGE;
    buffer->index = filled;
    buffer->length = BYTES;
    buffer->bytesused = size;
    buffer->timestamp.tv_sec = captured / 1000000000L;
    buffer->timestamp.tv_usec = captured % 1000000000L / 1000;
    filled = (filled + 1) % buffers;
    return 0;
}

static void log_format(void) {
    FILE *file = fopen(getenv("FAKE_CAMERA_LOG"), "w");
    fprintf(file, "%.4s %ux%u %u\n", (char *)&format.pixelformat, format.width, format.height, rate);
    fclose(file);
}

static int answer(unsigned long request, void *argument) {
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *can = argument;
        memset(can, 0, sizeof *can);
        can->capabilities = can->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        return 0;
    }
    case VIDIOC_S_FMT:
        format = ((struct v4l2_format *)argument)->fmt.pix;
        format.sizeimage = BYTES;
        format.bytesperline = 0; /* fall through */
    case VIDIOC_G_FMT:
        ((struct v4l2_format *)argument)->fmt.pix = format;
        return 0;
    case VIDIOC_S_PARM:
        rate = ((struct v4l2_streamparm *)argument)->parm.capture.timeperframe.denominator;
        /* fall through */
    case VIDIOC_G_PARM: {
        struct v4l2_streamparm *parameters = argument;
        parameters->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
        parameters->parm.capture.timeperframe = (struct v4l2_fract){1, rate};
        return 0;
    }
    case VIDIOC_REQBUFS: {
        struct v4l2_requestbuffers *wanted = argument;
        buffers = wanted->count = wanted->count < BUFFERS ? wanted->count : BUFFERS;
        filled = 0;
        return 0;
    }
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *buffer = argument;
        buffer->length = BYTES;
        buffer->m.offset = buffer->index * BYTES;
        return 0;
    }
    case VIDIOC_STREAMON:
        log_format();
        return 0;
    case VIDIOC_QBUF:
    case VIDIOC_STREAMOFF:
    case VIDIOC_S_INPUT:
        return 0;
    case VIDIOC_DQBUF:
        return dequeue(argument);
    }
    return errno = ENOTTY, -1;
}

int ioctl(int file, unsigned long request, ...) {
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    if (file == camera && camera >= 0) return answer(request, argument);
    if (request == I2C_SLAVE) return 0;
    return real_ioctl(file, request, argument);
}

int open(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = va_arg(list, mode_t);
    va_end(list);
    const char *fake = getenv("FAKE_CAMERA");
    if (!fake || strcmp(path, fake)) return real_open(path, flags, mode);
    if (access(getenv("FAKE_JPEG"), R_OK)) return errno = ENODEV, -1;
    camera = memfd_create("camera", 0);
    if (ftruncate(camera, (off_t)BUFFERS * BYTES)) abort();
    return camera;
}

int close(int file) {
    if (file == camera) camera = -1;
    return real_close(file);
}
